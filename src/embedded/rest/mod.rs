//! The REST face: HTTP in, HTTP out. Reads and decodes bodies under a bound, decodes paths as Qdrant's server does,
//! runs `route` off the async threads, and frames the answer.

mod answers;
mod expression;
mod groups;
mod legacy;
mod query;
mod route;
mod vectors;
mod writes;

use std::io::{Read, Write as _};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use flate2::Compression;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use flate2::write::GzEncoder;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use percent_encoding::percent_decode_str;

use self::route::{Call, Reply};
use super::Engine;
use super::errors::{ApiError, ApiResult};
use crate::upstream::{Body, BoxError};

/// Smaller answers are not worth compressing.
const MIN_COMPRESSED_BYTES: usize = 1024;

struct Framed {
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
}

/// Serves one request. Every failure is an answer.
pub(super) async fn serve(engine: &Engine, request: Request<Body>) -> Response<Body> {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let zip = wants_gzip(&parts.headers);
    let limit_bytes = engine.options.max_rest_body_bytes;
    let outcome = match read_body(body, limit_bytes).await {
        Ok(body) => {
            let run = move |core: &super::collections::Core| {
                let body = decode(&parts.headers, body, limit_bytes)?;
                run(
                    core,
                    &parts.method,
                    parts.uri.path(),
                    parts.uri.query().unwrap_or(""),
                    &body,
                )
            };
            engine.run(run).await
        }
        Err(error) => Err(error),
    };
    respond(frame(outcome, started), zip)
}

async fn read_body(mut body: Body, limit_bytes: usize) -> ApiResult<Bytes> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| ApiError::format(format!("the request's body broke off: {error}")))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > limit_bytes {
                return Err(too_large(limit_bytes));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes.freeze())
}

fn too_large(limit_bytes: usize) -> ApiError {
    ApiError::format(format!(
        "JSON payload is larger than allowed (limit: {limit_bytes} bytes)."
    ))
}

/// Unpacks a compressed body, under the same bound.
fn decode(headers: &HeaderMap, body: Bytes, limit_bytes: usize) -> ApiResult<Bytes> {
    let encoding = headers
        .get(header::CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let mut unpacked = Vec::new();
    let bound = limit_bytes as u64 + 1;
    let read = match encoding {
        "gzip" => MultiGzDecoder::new(body.as_ref())
            .take(bound)
            .read_to_end(&mut unpacked),
        "deflate" => ZlibDecoder::new(body.as_ref())
            .take(bound)
            .read_to_end(&mut unpacked),
        "" | "identity" => return Ok(body),
        other => {
            return Err(ApiError::format(format!(
                "Content-Encoding {other} is not supported"
            )));
        }
    };
    read.map_err(|error| ApiError::format(format!("Payload error: {error}")))?;
    if unpacked.len() > limit_bytes {
        return Err(too_large(limit_bytes));
    }
    Ok(Bytes::from(unpacked))
}

fn run(
    core: &super::collections::Core,
    method: &Method,
    path: &str,
    query: &str,
    body: &[u8],
) -> ApiResult<Reply> {
    if *method == Method::OPTIONS {
        return Ok(Reply::Text(""));
    }
    let decoded: Option<Vec<String>> = segments(path);
    let Some(segments) = decoded else {
        return Ok(Reply::NoRoute);
    };
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    Call {
        core,
        method,
        path: &segments,
        wait: wait(query)?,
        body,
    }
    .run()
}

/// Slashes merge and one at the end does not count, as in Qdrant's server; what is not UTF-8 names nothing.
fn segments(path: &str) -> Option<Vec<String>> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts
        .map(|part| Some(percent_decode_str(part).decode_utf8().ok()?.into_owned()))
        .collect()
}

fn wait(query: &str) -> ApiResult<bool> {
    let mut wait = None;
    for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        if key != "wait" {
            continue;
        }
        if wait.is_some() {
            return Err(ApiError::format(
                "Deserialize error in query parameters: duplicate field `wait`",
            ));
        }
        wait = Some(match value {
            "true" => true,
            "false" => false,
            _ => {
                let text = "Deserialize error in query parameters: provided string was not `true` or `false`";
                return Err(ApiError::format(text));
            }
        });
    }
    Ok(wait.unwrap_or(false))
}

fn frame(outcome: ApiResult<Reply>, started: Instant) -> Framed {
    const JSON: &str = "application/json";
    let time = started.elapsed().as_secs_f64();
    match outcome {
        Ok(Reply::Result(result)) => {
            let mut body = b"{\"result\":".to_vec();
            body.extend_from_slice(&result);
            body.extend_from_slice(format!(",\"status\":\"ok\",\"time\":{time}}}").as_bytes());
            Framed {
                status: StatusCode::OK,
                content_type: JSON,
                body,
            }
        }
        Ok(Reply::Whole(body)) => Framed {
            status: StatusCode::OK,
            content_type: JSON,
            body,
        },
        Ok(Reply::Text(text)) => Framed {
            status: StatusCode::OK,
            content_type: "text/plain",
            body: text.as_bytes().to_vec(),
        },
        Ok(Reply::NoRoute) => Framed {
            status: StatusCode::NOT_FOUND,
            content_type: "",
            body: Vec::new(),
        },
        Err(error) => {
            let envelope = serde_json::json!({"status": {"error": error.to_string()}, "time": time});
            Framed {
                status: error.kind.status(),
                content_type: JSON,
                body: envelope.to_string().into_bytes(),
            }
        }
    }
}

fn wants_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip")
            && !matches!(quality.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

fn respond(framed: Framed, zip: bool) -> Response<Body> {
    let Framed {
        status,
        content_type,
        body,
    } = framed;
    let packed = (zip && body.len() >= MIN_COMPRESSED_BYTES)
        .then(|| gzip(&body))
        .flatten();
    let zipped = packed.is_some();
    let body = Full::new(Bytes::from(packed.unwrap_or(body)));
    let mut response = Response::new(
        body.map_err(|never| -> BoxError { match never {} })
            .boxed_unsync(),
    );
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if !content_type.is_empty() {
        headers.insert(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static(content_type),
        );
    }
    if zipped {
        headers.insert(header::CONTENT_ENCODING, header::HeaderValue::from_static("gzip"));
    }
    if zip {
        headers.insert(header::VARY, header::HeaderValue::from_static("accept-encoding"));
    }
    response
}

/// Nothing, where packing fails: the answer then goes as it is.
fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 2), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}
