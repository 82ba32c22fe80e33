//! The comparison of a field's spaces, point by point: what is wrong with a point, what a whole look adds up to, and
//! what a repair leaves of a claim. Called by the migration's verification, a page at a time; holds no clock, does no IO.

mod cosine;
mod digest;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::gate::Verified;
use super::ids::VectorName;
use super::model::ModelId;
use super::table::Space;

pub use cosine::cosine;
pub use digest::{Digest, is_sampled};

/// Points of each kind that are named.
const EXAMPLES_MAX: usize = 20;

/// What the operator asks of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ask {
    /// Points whose text is embedded anew and compared, in each space.
    pub sample: u32,
    /// Take the claims away from what differs, so that it is filled anew.
    pub repair: bool,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            sample: 100,
            repair: false,
        }
    }
}

/// Something about a point in a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// It has the field, and nothing says which model made it.
    Untagged,
    /// It has no vector there, and none is claimed: it is pending.
    Absent,
    /// It has a vector there that no claim vouches for: it is pending.
    Unclaimed,
    /// Its tag claims a vector that is not there.
    EmptyClaim,
    /// Its tag claims the space for another model.
    ForeignClaim,
    /// Its payload gives another text than the one that its tag names.
    StaleSource,
    /// Its vector is not what the model makes of its text.
    Deviating,
    /// Its tag or its payload gives no text to compare.
    Unproven,
}

impl Difference {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::Untagged,
        Self::Absent,
        Self::Unclaimed,
        Self::EmptyClaim,
        Self::ForeignClaim,
        Self::StaleSource,
        Self::Deviating,
        Self::Unproven,
    ];

    /// Stable, snake_case.
    pub fn code(self) -> &'static str {
        match self {
            Self::Untagged => "untagged",
            Self::Absent => "absent",
            Self::Unclaimed => "unclaimed",
            Self::EmptyClaim => "empty_claim",
            Self::ForeignClaim => "foreign_claim",
            Self::StaleSource => "stale_source",
            Self::Deviating => "deviating",
            Self::Unproven => "unproven",
        }
    }

    /// Whether something claims what is not so. The others are pending, which the backfill finds by itself, or cannot
    /// be told.
    pub fn is_false_claim(self) -> bool {
        match self {
            Self::EmptyClaim | Self::ForeignClaim | Self::StaleSource | Self::Deviating => true,
            Self::Untagged | Self::Absent | Self::Unclaimed | Self::Unproven => false,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untagged => "no tag",
            Self::Absent => "no vector yet",
            Self::Unclaimed => "a vector that no tag claims",
            Self::EmptyClaim => "a claim without its vector",
            Self::ForeignClaim => "a claim for another model",
            Self::StaleSource => "the source text has changed since",
            Self::Deviating => "not the vector that the model makes of the text",
            Self::Unproven => "no source text to compare",
        })
    }
}

/// What was seen of one kind in one space.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// What.
    pub difference: Difference,
    /// The space's real vector name.
    pub vector: VectorName,
    /// How often.
    pub points: u64,
    /// The ids of some of the points, as Qdrant spells them.
    pub examples: Vec<String>,
}

/// A space, looked through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpaceLook {
    /// Its real vector name.
    pub vector: VectorName,
    /// Its model.
    pub model: ModelId,
    /// Points that it holds fresh.
    pub fresh: u64,
    /// Points of the field that it does not.
    pub pending: u64,
    /// Over the points that it holds fresh, in the order of ids: equal digests, equal points and writes.
    pub digest: Digest,
    /// Points that were embedded anew.
    pub sampled: u64,
    /// The lowest cosine among them.
    pub lowest_cosine: Option<f64>,
}

/// A verification: how far it is, and what it saw so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// What was asked.
    pub ask: Ask,
    /// When it began, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// When it ended; absent while it goes on.
    pub finished_at_ms: Option<u64>,
    /// The first id that is not looked at, as Qdrant spells it; absent at the beginning and at the end.
    pub cursor: Option<String>,
    /// Points of the field when it began.
    pub total: u64,
    /// Points of the field that were looked at.
    pub points: u64,
    /// The spaces: the one that served when the migration started, then its target.
    pub spaces: Vec<SpaceLook>,
    /// What was seen; empty: every space holds every point fresh.
    pub differences: Vec<Noted>,
    /// Points whose claims were taken away.
    pub repaired: u64,
    /// Why it stands still at the moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Verification {
    /// One that has seen nothing yet.
    pub fn begun(ask: Ask, spaces: [&Space; 2], total: u64, now_ms: u64) -> Self {
        let look = |space: &Space| SpaceLook {
            vector: space.vector.clone(),
            model: space.model.clone(),
            fresh: 0,
            pending: 0,
            digest: Digest::default(),
            sampled: 0,
            lowest_cosine: None,
        };
        Self {
            ask,
            started_at_ms: now_ms,
            finished_at_ms: None,
            cursor: None,
            total,
            points: 0,
            spaces: spaces.into_iter().map(look).collect(),
            differences: Vec::new(),
            repaired: 0,
            error: None,
        }
    }

    /// Counts a difference, and names the point while there is room.
    pub fn note(&mut self, difference: Difference, vector: &VectorName, id: String) {
        let known = self
            .differences
            .iter_mut()
            .find(|noted| noted.difference == difference && noted.vector == *vector);
        match known {
            Some(noted) => {
                noted.points += 1;
                if noted.examples.len() < EXAMPLES_MAX {
                    noted.examples.push(id);
                }
            }
            None => self.differences.push(Noted {
                difference,
                vector: vector.clone(),
                points: 1,
                examples: vec![id],
            }),
        }
    }

    /// What the gate knows of it; `None` before its end.
    pub fn as_evidence(&self) -> Option<Verified> {
        let finished_at_ms = self.finished_at_ms?;
        let is_mended = self.ask.repair && self.repaired > 0;
        Some(Verified {
            finished_at_ms,
            false_claims: if is_mended { 0 } else { self.false_claims() },
        })
    }

    /// Claims that are not so, as far as they were seen; a point may have several.
    pub fn false_claims(&self) -> u64 {
        let noted = self.differences.iter();
        noted
            .filter(|noted| noted.difference.is_false_claim())
            .map(|noted| noted.points)
            .sum()
    }
}

/// A point in one space, as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InSpace {
    /// Whether it has a vector there.
    pub has_vector: bool,
    /// The mark that its tag claims for it.
    pub claim: Option<String>,
}

/// A point, as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The write id in its tag.
    pub write_id: Option<String>,
    /// The source hash in its tag.
    pub source_hash: Option<String>,
    /// The hash of the text that its payload gives now.
    pub text_hash: Option<String>,
    /// In each space.
    pub spaces: Vec<InSpace>,
}

impl Seen {
    /// Whether it is a point of the field at all.
    pub fn has_field(&self) -> bool {
        let holds = |space: &InSpace| space.has_vector || space.claim.is_some();
        self.spaces.iter().any(holds)
    }

    /// Whether its tag vouches for its vector in the space of this index, whose model has this mark.
    pub fn is_fresh(&self, index: usize, mark: &str) -> bool {
        let space = self.spaces.get(index);
        self.write_id.is_some()
            && space.is_some_and(|space| space.has_vector && space.claim.as_deref() == Some(mark))
    }

    /// Whether its text is the one that its vectors were made from.
    pub fn is_of_its_text(&self) -> bool {
        self.source_hash.is_some() && self.source_hash == self.text_hash
    }

    /// What is to be said of it, each with the index of the space. `marks` are of the spaces' models, in order.
    pub fn differences(&self, marks: &[String]) -> Vec<(Difference, usize)> {
        if !self.has_field() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (index, (space, mark)) in self.spaces.iter().zip(marks).enumerate() {
            let difference = match (&self.write_id, &space.claim, space.has_vector) {
                (None, _, true) => Some(Difference::Untagged),
                (None, _, false) | (Some(_), None, false) => Some(Difference::Absent),
                (Some(_), None, true) => Some(Difference::Unclaimed),
                (Some(_), Some(claim), _) if claim != mark => Some(Difference::ForeignClaim),
                (Some(_), Some(_), false) => Some(Difference::EmptyClaim),
                (Some(_), Some(_), true) => self.of_its_source(),
            };
            found.extend(difference.map(|difference| (difference, index)));
        }
        found
    }

    fn of_its_source(&self) -> Option<Difference> {
        match (&self.source_hash, &self.text_hash) {
            (Some(then), Some(now)) if then != now => Some(Difference::StaleSource),
            (Some(_), Some(_)) => None,
            (None, _) | (_, None) => Some(Difference::Unproven),
        }
    }

    /// The spaces that a repair leaves claimed; `None` where nothing is to be repaired, or a space could not be filled
    /// anew: `can_fill` says which can.
    pub fn kept_claims(&self, found: &[(Difference, usize)], can_fill: &[bool]) -> Option<Vec<usize>> {
        self.write_id.as_ref()?;
        let wrong: Vec<(Difference, usize)> = found
            .iter()
            .copied()
            .filter(|(difference, _)| difference.is_false_claim())
            .collect();
        if wrong.is_empty() {
            return None;
        }
        let is_lost = |(difference, index): &(Difference, usize)| match difference {
            Difference::StaleSource | Difference::Deviating => {
                !can_fill.get(*index).copied().unwrap_or(false)
            }
            Difference::EmptyClaim | Difference::ForeignClaim => false,
            Difference::Untagged | Difference::Absent | Difference::Unclaimed | Difference::Unproven => false,
        };
        if wrong.iter().any(is_lost) {
            return None;
        }
        let claimed = self.spaces.iter().enumerate();
        let claimed = claimed.filter(|(_, space)| space.claim.is_some() && space.has_vector);
        Some(
            claimed
                .map(|(index, _)| index)
                .filter(|index| wrong.iter().all(|(_, of)| of != index))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests;
