//! Which names are in use: a request is forwarded in the client's own spelling, so while one is under way, its spelling
//! must not come to mean another collection. A change of aliases closes the names that it is about, waits for those
//! requests, and opens the names when the change is known.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::domain::refusal::{Refusal, RefusalKind};

/// How long an abandoned request counts as under way: it may have been sent, and nobody learns when it is done.
const LINGER: Duration = Duration::from_secs(5);

/// The names in use, and those that are closed.
#[derive(Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    /// A name was opened, or is no longer in use.
    changed: Notify,
}

#[derive(Default)]
struct State {
    under_way: HashMap<Arc<str>, usize>,
    closed: BTreeSet<String>,
}

impl State {
    fn enter(&mut self, name: &str) -> Option<Arc<str>> {
        if self.closed.contains(name) {
            return None;
        }
        let name = match self.under_way.get_key_value(name) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::from(name),
        };
        *self.under_way.entry(Arc::clone(&name)).or_default() += 1;
        Some(name)
    }

    fn leave(&mut self, name: &Arc<str>) {
        if let Some(count) = self.under_way.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                self.under_way.remove(name);
            }
        }
    }
}

impl Turns {
    fn state(&self) -> MutexGuard<'_, State> {
        // Plain data: a panic of another holder left nothing half done in it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request under way with this spelling; waits while it is closed.
    pub async fn enter(self: &Arc<Self>, name: &str) -> Turn {
        // Names are hardly ever closed: nothing is set up to wait.
        let entered = self.state().enter(name);
        if let Some(name) = entered {
            return Turn::new(self, name);
        }
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let entered = self.state().enter(name);
            if let Some(name) = entered {
                return Turn::new(self, name);
            }
            changed.await;
        }
    }

    /// As [`Self::enter`], for a request that has a turn already: two that wait for each other's names never end.
    ///
    /// # Errors
    /// `alias_changing`.
    pub fn try_enter(self: &Arc<Self>, name: &str) -> Result<Turn, Refusal> {
        let entered = self.state().enter(name);
        let name = entered.ok_or_else(|| {
            Refusal::new(
                RefusalKind::NotReady,
                "alias_changing",
                format!("the alias `{name}` is being changed: send the request again"),
            )
        })?;
        Ok(Turn::new(self, name))
    }

    /// Lets no new request use these names, and waits for those under way.
    ///
    /// # Errors
    /// `alias_busy` where they outlast `wait`: the names are open again then.
    pub async fn close(self: &Arc<Self>, names: BTreeSet<String>, wait: Duration) -> Result<Closed, Refusal> {
        self.state().closed.extend(names.iter().cloned());
        let closed = Closed {
            turns: Arc::clone(self),
            names,
        };
        let unused = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                let is_used = {
                    let state = self.state();
                    closed
                        .names
                        .iter()
                        .any(|name| state.under_way.contains_key(name.as_str()))
                };
                if !is_used {
                    return;
                }
                changed.await;
            }
        };
        match tokio::time::timeout(wait, unused).await {
            Ok(()) => Ok(closed),
            Err(_elapsed) => Err(Refusal::new(
                RefusalKind::NotReady,
                "alias_busy",
                "requests that use the alias are still under way: try again when they have ended; nothing was changed",
            )),
        }
    }
}

/// Names that no request uses, until it is dropped. One at a time.
pub(super) struct Closed {
    turns: Arc<Turns>,
    names: BTreeSet<String>,
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.turns
            .state()
            .closed
            .retain(|name| !self.names.contains(name));
        self.turns.changed.notify_waiters();
    }
}

/// A request that uses a name.
pub(super) struct Turn {
    turns: Arc<Turns>,
    name: Arc<str>,
    /// Sent, and not answered yet.
    is_sent: bool,
}

impl Turn {
    fn new(turns: &Arc<Turns>, name: Arc<str>) -> Self {
        Self {
            turns: Arc::clone(turns),
            name,
            is_sent: false,
        }
    }

    /// The request goes to the upstream now.
    pub fn begin(&mut self) {
        self.is_sent = true;
    }

    /// The upstream has answered.
    pub fn end(mut self) {
        self.is_sent = false;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let leave = |turns: &Turns, name: &Arc<str>| {
            turns.state().leave(name);
            turns.changed.notify_waiters();
        };
        if self.is_sent
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (turns, name) = (Arc::clone(&self.turns), Arc::clone(&self.name));
            runtime.spawn(async move {
                tokio::time::sleep(LINGER).await;
                leave(&turns, &name);
            });
        } else {
            leave(&self.turns, &self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    fn names(name: &str) -> BTreeSet<String> {
        [name.to_owned()].into()
    }

    #[tokio::test]
    async fn a_change_waits_for_those_under_way_and_holds_up_those_that_come() {
        let turns = Arc::new(Turns::default());
        let (one, other) = (turns.enter("live").await, turns.enter("plain").await);
        let closing = tokio::spawn({
            let turns = Arc::clone(&turns);
            async move { turns.close(names("live"), SOON).await }
        });
        tokio::task::yield_now().await;
        assert!(!closing.is_finished());
        assert_eq!(turns.try_enter("live").err().unwrap().reason, "alias_changing");
        assert!(turns.try_enter("plain").is_ok());
        one.end();
        let closed = closing.await.unwrap().unwrap();
        let entering = tokio::spawn({
            let turns = Arc::clone(&turns);
            async move { turns.enter("live").await }
        });
        tokio::task::yield_now().await;
        assert!(!entering.is_finished());
        drop(closed);
        entering.await.unwrap().end();
        other.end();
    }

    #[tokio::test]
    async fn a_change_gives_up_and_opens_the_name_again() {
        let turns = Arc::new(Turns::default());
        let slow = turns.enter("live").await;
        let refusal = turns.close(names("live"), SOON).await.err().unwrap();
        assert_eq!(refusal.reason, "alias_busy");
        turns.try_enter("live").unwrap().end();
        slow.end();
        assert!(turns.close(names("live"), SOON).await.is_ok());
    }

    #[tokio::test]
    async fn an_abandoned_request_counts_a_while_longer() {
        let turns = Arc::new(Turns::default());
        drop(turns.enter("live").await);
        drop(
            turns
                .close(names("live"), SOON)
                .await
                .unwrap_or_else(|_| panic!("never sent")),
        );
        let mut sent = turns.enter("live").await;
        sent.begin();
        drop(sent);
        assert_eq!(
            turns.close(names("live"), SOON).await.err().unwrap().reason,
            "alias_busy"
        );
        assert!(turns.close(names("live"), LINGER).await.is_ok());
        assert!(turns.state().under_way.is_empty());
    }
}
