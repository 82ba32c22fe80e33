//! The bound on the waiting for answers. Every call may wait equally long and hardly one does, so none has a timer of its
//! own, which would cost each of them more than its waiting: a task looks now and then for those whose time is over.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use slab::Slab;
use tokio::time::Instant;

/// A call may wait so much longer than it should: a share of the bound, within these.
const LOOKS: u32 = 32;
const LOOK_EVERY_MIN: Duration = Duration::from_millis(5);
const LOOK_EVERY_MAX: Duration = Duration::from_secs(1);

/// No answer came in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer came in time")]
pub(super) struct Late;

/// The calls that wait.
pub(super) struct Waiting(Arc<Shared>);

struct Shared {
    wait: Duration,
    /// From one look to the next.
    every: Duration,
    state: Mutex<State>,
}

struct State {
    calls: Slab<Call>,
    /// The time of the last look.
    now: Instant,
    /// Whether a task looks.
    is_watched: bool,
}

struct Call {
    due: Instant,
    waker: Waker,
    is_late: bool,
}

impl Waiting {
    /// Each call may wait so long.
    pub(super) fn new(wait: Duration) -> Self {
        Self(Arc::new(Shared {
            wait,
            every: (wait / LOOKS).clamp(LOOK_EVERY_MIN, LOOK_EVERY_MAX),
            state: Mutex::new(State {
                calls: Slab::new(),
                now: Instant::now(),
                is_watched: false,
            }),
        }))
    }

    /// Waits for a call, and not much longer than it may take.
    ///
    /// # Errors
    /// It took longer.
    pub(super) async fn within<F: Future>(&self, call: F) -> Result<F::Output, Late> {
        let mut call = pin!(call);
        let mut place = Place {
            shared: &self.0,
            key: None,
        };
        poll_fn(|cx| match call.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => place.poll_late(cx).map(Err),
        })
        .await
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Plain data: a panic of another holder left nothing half done in it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the calls whose time is over. `true`: there are none at all, and nobody looks from now on.
    fn look(&self) -> bool {
        let mut state = self.state();
        state.now = Instant::now();
        let now = state.now;
        for (_, call) in &mut state.calls {
            if call.due <= now && !call.is_late {
                call.is_late = true;
                call.waker.wake_by_ref();
            }
        }
        state.is_watched = !state.calls.is_empty();
        !state.is_watched
    }
}

/// Where one call waits.
struct Place<'a> {
    shared: &'a Arc<Shared>,
    key: Option<usize>,
}

impl Place<'_> {
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        let mut state = self.shared.state();
        if let Some(call) = self.key.and_then(|key| state.calls.get_mut(key)) {
            if call.is_late {
                return Poll::Ready(Late);
            }
            call.waker.clone_from(cx.waker());
            return Poll::Pending;
        }
        if !state.is_watched {
            state.is_watched = true;
            state.now = Instant::now();
            tokio::spawn(watch(Watcher {
                shared: Arc::clone(self.shared),
                is_done: false,
            }));
        }
        // The last look may be that long ago.
        let due = state.now + self.shared.every + self.shared.wait;
        self.key = Some(state.calls.insert(Call {
            due,
            waker: cx.waker().clone(),
            is_late: false,
        }));
        Poll::Pending
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.shared.state().calls.try_remove(key);
        }
    }
}

/// Says that nobody looks any more where a runtime's end drops the task.
struct Watcher {
    shared: Arc<Shared>,
    is_done: bool,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if !self.is_done {
            self.shared.state().is_watched = false;
        }
    }
}

/// Looks until no call waits.
async fn watch(mut watcher: Watcher) {
    while !watcher.is_done {
        tokio::time::sleep(watcher.shared.every).await;
        watcher.is_done = watcher.shared.look();
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const WAIT: Duration = Duration::from_millis(60);

    #[tokio::test]
    async fn each_call_is_given_its_time_and_then_given_up() {
        let waiting = Waiting::new(WAIT);
        for _ in 0..3 {
            let started = Instant::now();
            assert_eq!(waiting.within(pending::<()>()).await, Err(Late));
            assert!(started.elapsed() >= WAIT);
            while waiting.0.state().is_watched {
                tokio::time::sleep(LOOK_EVERY_MIN).await;
            }
        }
    }

    #[tokio::test]
    async fn a_call_that_begins_later_ends_later_and_one_that_is_answered_leaves_nothing() {
        let waiting = Waiting::new(WAIT);
        let started = Instant::now();
        let later = async {
            tokio::time::sleep(WAIT / 2).await;
            let outcome = waiting.within(pending::<()>()).await;
            (outcome, started.elapsed())
        };
        let answered = waiting.within(tokio::time::sleep(LOOK_EVERY_MIN));
        let first = waiting.within(pending::<()>());
        let (first, (outcome, elapsed), answered) = tokio::join!(first, later, answered);
        assert_eq!((first, outcome, answered), (Err(Late), Err(Late), Ok(())));
        assert!(elapsed >= WAIT + WAIT / 2, "{elapsed:?}");
        assert!(waiting.0.state().calls.is_empty());
    }

    #[test]
    fn it_survives_the_runtime_that_it_was_watched_on() {
        let waiting = Waiting::new(Duration::from_millis(20));
        for _ in 0..2 {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime");
            assert_eq!(runtime.block_on(waiting.within(pending::<()>())), Err(Late));
        }
    }
}
