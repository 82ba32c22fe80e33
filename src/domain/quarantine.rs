//! Managed collections whose data calls are refused until somebody has looked: what happened, what lifts it, and the
//! refusal. The state stands in the table, so it survives a restart and a request sees it with the table that it pins.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::CollectionName;
use super::refusal::{Refusal, RefusalKind};

/// Whether a managed collection's data calls are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// They are.
    #[default]
    Open,
    /// They are refused.
    Quarantined(Quarantine),
}

/// Why a collection is quarantined, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// What happened.
    pub cause: Cause,
    /// Milliseconds since 1970.
    pub since_ms: u64,
}

/// What happened to a collection. A later one is worse: it takes the place of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Its points came out of a snapshot. An audit lifts it.
    Restored,
    /// Its vectors are not those that the table says: one was removed or made anew. An audit lifts it.
    Reshaped,
    /// It was dropped; what has its name now, if anything, is another collection. An adoption lifts it.
    Dropped,
}

impl Cause {
    /// What the operator does about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Restored => "have its points checked with `interlock audit`",
            Self::Reshaped => {
                "put its vectors back as they were, then have its points checked with `interlock audit`"
            }
            Self::Dropped => "what has its name now is another one: adopt that with `interlock adopt`",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restored => "it was restored from a snapshot",
            Self::Reshaped => "its vectors are not those that were adopted",
            Self::Dropped => "it was dropped",
        })
    }
}

impl Standing {
    /// Whether data calls are answered.
    pub fn is_open(self) -> bool {
        match self {
            Self::Open => true,
            Self::Quarantined(_) => false,
        }
    }

    /// Why they are not.
    pub fn quarantine(self) -> Option<Quarantine> {
        match self {
            Self::Open => None,
            Self::Quarantined(quarantine) => Some(quarantine),
        }
    }

    /// The standing after `cause`, at `now_ms`: nothing makes a quarantine milder but what lifts it.
    #[must_use]
    pub fn after(self, cause: Cause, now_ms: u64) -> Self {
        match self {
            Self::Quarantined(earlier) if earlier.cause >= cause => self,
            Self::Open | Self::Quarantined(_) => Self::Quarantined(Quarantine {
                cause,
                since_ms: now_ms,
            }),
        }
    }

    /// Refuses a data call on a quarantined collection.
    ///
    /// # Errors
    /// `quarantined`.
    pub fn check(self, collection: &CollectionName) -> Result<(), Refusal> {
        let Some(Quarantine { cause, .. }) = self.quarantine() else {
            return Ok(());
        };
        Err(Refusal::new(
            RefusalKind::NotReady,
            "quarantined",
            format!(
                "`{collection}` is quarantined, because {cause}: {}",
                cause.remedy()
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarantine_grows_worse_and_never_milder() {
        let restored = Standing::Open.after(Cause::Restored, 1);
        let dropped = restored.after(Cause::Dropped, 2);
        assert_eq!(
            dropped,
            Standing::Quarantined(Quarantine {
                cause: Cause::Dropped,
                since_ms: 2
            })
        );
        assert_eq!(dropped.after(Cause::Restored, 3), dropped);
        assert_eq!(dropped.after(Cause::Dropped, 3), dropped);
    }

    #[test]
    fn data_calls_are_refused_with_what_to_do() {
        let name = CollectionName::from("docs");
        assert_eq!(Standing::Open.check(&name), Ok(()));
        for (cause, remedy) in [
            (Cause::Restored, "interlock audit"),
            (Cause::Reshaped, "interlock audit"),
            (Cause::Dropped, "interlock adopt"),
        ] {
            let refusal = Standing::Open.after(cause, 0).check(&name).unwrap_err();
            assert_eq!(refusal.reason, "quarantined");
            assert_eq!(refusal.kind, RefusalKind::NotReady);
            assert!(refusal.message.contains("`docs`"), "{refusal}");
            assert!(refusal.message.contains(remedy), "{refusal}");
        }
    }

    #[test]
    fn a_table_without_a_standing_is_open() {
        #[derive(Deserialize)]
        struct Row {
            #[serde(default)]
            standing: Standing,
        }
        let old: Row = serde_json::from_str("{}").unwrap();
        assert!(old.standing.is_open());
        let new: Row =
            serde_json::from_str(r#"{"standing":{"quarantined":{"cause":"restored","since_ms":7}}}"#)
                .unwrap();
        assert_eq!(new.standing.quarantine().map(|held| held.since_ms), Some(7));
    }
}
