//! What reaches no managed collection passes byte for byte.

use http::request::Parts;
use http::{Request, Response};

use crate::domain::refusal::{Refusal, RefusalKind};
use crate::registry::Pinned;
use crate::upstream::{Body, Face, UpstreamError};

use super::{Engine, body};

/// A request that passes.
pub(super) struct Unmanaged {
    pub face: Face,
    pub head: Parts,
    pub body: Body,
    pub after: AfterPass,
}

/// What follows a request that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterPass {
    /// Nothing.
    Nothing,
    /// The aliases may have changed: they are read anew before the client learns of it.
    RefreshAliases,
}

impl Engine {
    pub(super) async fn pass(&self, unmanaged: Unmanaged, table: Pinned) -> Result<Response<Body>, Refusal> {
        let Unmanaged {
            face,
            mut head,
            body,
            after,
        } = unmanaged;
        head.extensions.insert(table.hold());
        let sent = self.upstream.call(face, Request::from_parts(head, body)).await;
        if after == AfterPass::RefreshAliases {
            self.aliases.invalidate();
            if !table.collections.is_empty() {
                self.aliases.ensure_fresh().await?;
            }
        }
        Ok(sent.map_err(refused)?.map(|answer| body::pinned(answer, table)))
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
