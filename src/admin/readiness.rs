//! Whether new traffic should come here, with the reasons why not. The app sets it, `/readyz` tells it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;

/// What can stand against new traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// The listeners are not up yet.
    Starting,
    /// Interlock stops: requests in flight are finished, new ones should go elsewhere.
    Draining,
    /// The upstream cannot be reached.
    Upstream,
}

/// A shared handle; every clone sees the same obstacles. Ready while there are none.
#[derive(Clone, Debug)]
pub struct Readiness {
    obstacles: Arc<watch::Sender<BTreeMap<Obstacle, String>>>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self {
            obstacles: Arc::new(watch::Sender::new(BTreeMap::new())),
        }
    }
}

impl Readiness {
    /// Notes an obstacle; `reason` is shown to whoever asks, so no credential may stand in it.
    pub fn block(&self, obstacle: Obstacle, reason: impl Into<String>) {
        let reason = reason.into();
        self.obstacles.send_modify(|all| {
            all.insert(obstacle, reason);
        });
    }

    /// Takes an obstacle away, whether it was there or not.
    pub fn clear(&self, obstacle: Obstacle) {
        self.obstacles.send_modify(|all| {
            all.remove(&obstacle);
        });
    }

    /// Whether nothing stands against new traffic.
    pub fn is_ready(&self) -> bool {
        self.obstacles.borrow().is_empty()
    }

    /// What stands against new traffic now.
    pub fn obstacles(&self) -> BTreeMap<Obstacle, String> {
        self.obstacles.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clone_sees_the_same_obstacles_until_the_last_is_cleared() {
        let readiness = Readiness::default();
        let other = readiness.clone();
        readiness.block(Obstacle::Starting, "starting");
        other.block(Obstacle::Upstream, "no answer");
        other.clear(Obstacle::Starting);
        assert!(!readiness.is_ready());
        assert_eq!(
            readiness.obstacles().into_iter().collect::<Vec<_>>(),
            [(Obstacle::Upstream, "no answer".to_owned())]
        );
        readiness.clear(Obstacle::Upstream);
        assert!(other.is_ready());
    }
}
