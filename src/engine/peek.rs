//! The collection of a gRPC request, from as much of its body as that takes.

use http::HeaderMap;
use http_body_util::BodyExt;

use crate::domain::refusal::Refusal;
use crate::upstream::Face;
use crate::wire::frame::{self, unframe};
use crate::wire::inflate::Compression;
use crate::wire::pb;
use crate::wire::unary::UnaryWatch;

use super::body;
use super::call::{GRPC_ENCODING, Pending};

/// What was found.
pub(super) enum Peeked {
    /// The whole message was read.
    Name(String),
    /// The name came first; what follows must be watched.
    Watching(String, UnaryWatch),
}

/// Reads as much of a gRPC body as it takes to know its collection.
pub(super) async fn peek(
    headers: &HeaderMap,
    body: &mut Pending,
    bytes_max: usize,
) -> Result<Peeked, Refusal> {
    let mut watch = UnaryWatch::default();
    let mut seen = 0_usize;
    while let Some(frame) = body.rest.frame().await {
        let frame = frame.map_err(|error| body::broken(&error))?;
        let Ok(data) = frame.into_data() else { break };
        watch.feed(&data)?;
        seen = seen.saturating_add(data.len());
        body.read.push_back(data);
        if watch.is_compressed() {
            return read_whole(headers, body, bytes_max).await;
        }
        if let Some(name) = watch.name() {
            let name = name.to_owned();
            return Ok(Peeked::Watching(name, watch));
        }
        if seen > bytes_max {
            return Err(frame::too_large(bytes_max));
        }
    }
    if !watch.has_prefix() {
        return Err(Refusal::invalid(
            "malformed",
            "the gRPC body ends within its first five bytes",
        ));
    }
    // No name in the whole message: Qdrant reads that as "".
    Ok(Peeked::Name(String::new()))
}

async fn read_whole(headers: &HeaderMap, body: &mut Pending, bytes_max: usize) -> Result<Peeked, Refusal> {
    let rest = std::mem::replace(&mut body.rest, body::parts(Vec::new(), None));
    let collected = body::collect(Face::Grpc, std::mem::take(&mut body.read), rest, bytes_max).await?;
    let message = unframe(
        &collected.data,
        Compression::of_grpc(headers.get(GRPC_ENCODING))?,
        bytes_max,
    )?;
    body.read.push_back(collected.data);
    Ok(Peeked::Name(pb::collection_name(&message)?.to_owned()))
}
