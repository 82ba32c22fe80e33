//! What reaches no managed collection passes byte for byte.

use http::request::Parts;
use http::{Request, Response};

use crate::domain::refusal::{Refusal, RefusalKind};
use crate::registry::Pinned;
use crate::upstream::{Body, Face, UpstreamError};
use crate::wire::routes::Row;

use super::turns::Turn;
use super::{Engine, body, guard};

/// A request that passes.
pub(super) struct Unmanaged {
    pub face: Face,
    pub row: &'static Row,
    pub head: Parts,
    pub body: Body,
    /// The names that must not change their meaning while it is under way.
    pub turns: Vec<Turn>,
}

impl Engine {
    pub(super) async fn pass(&self, unmanaged: Unmanaged, table: Pinned) -> Result<Response<Body>, Refusal> {
        let Unmanaged {
            face,
            row,
            mut head,
            body,
            mut turns,
        } = unmanaged;
        let bytes_max = self.settings.body_bytes_max;
        let body = guard::judged((face, row), &head, body, &self.settings.limits, bytes_max).await?;
        let (body, verdict) = guard::over((face, row), &head, body, &self.settings.limits, bytes_max)?;
        head.extensions.insert(table.hold());
        turns.iter_mut().for_each(Turn::begin);
        let sent = self.upstream.call(face, Request::from_parts(head, body)).await;
        // What the guard cut off, no server has seen whole.
        if let Some(refusal) = verdict.get() {
            return Err(refusal.clone());
        }
        let answer = sent.map_err(|error| self.lost(error))?;
        turns.into_iter().for_each(Turn::end);
        Ok(answer.map(|answer| body::pinned(answer, table)))
    }

    /// An upstream that gave no answer may have been replaced by another: its names are read anew.
    pub(super) fn lost(&self, error: UpstreamError) -> Refusal {
        match &error {
            UpstreamError::Unreachable(_) | UpstreamError::Unprocessed(_) | UpstreamError::Unknown(_) => {
                self.aliases.invalidate();
            }
            UpstreamError::Incomplete(_) | UpstreamError::Full => {}
        }
        refused(error)
    }
}

/// An upstream that gave no answer, in the client's terms. Never for policy: official clients retry it.
pub(super) fn refused(error: UpstreamError) -> Refusal {
    tracing::warn!(error = %Chain(&error), "the upstream gave no answer");
    match error {
        UpstreamError::Unreachable(_) => Refusal::unavailable(
            "upstream_unreachable",
            "Qdrant cannot be reached; nothing was sent",
        ),
        UpstreamError::Unprocessed(_) => Refusal::unavailable(
            "upstream_refused",
            "Qdrant refused the request unprocessed; nothing was applied",
        ),
        UpstreamError::Unknown(_) => Refusal::unavailable(
            "outcome_unknown",
            "Qdrant's answer was lost: the request may have been applied; it is safe to send it again",
        ),
        // A refusal of ours, found on the way, says itself what is wrong.
        UpstreamError::Incomplete(cause) => match cause.downcast::<Refusal>() {
            Ok(refusal) => *refusal,
            Err(_) => Refusal::unavailable(
                "body_broken",
                "the body ended before it was complete; nothing was applied",
            ),
        },
        UpstreamError::Full => Refusal::new(
            RefusalKind::Busy,
            "upstream_full",
            "too many requests wait for Qdrant; try again shortly",
        ),
    }
}

/// An error with its causes.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
