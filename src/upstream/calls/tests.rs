use std::sync::Mutex;

use futures_util::future::BoxFuture;
use futures_util::stream;
use http::Response;
use http_body::Frame;
use http_body_util::StreamBody;
use qdrant_client::qdrant::{CountResponse, CountResult};

use super::*;
use crate::upstream::BoxError;

const PATH: &str = "/qdrant.Points/Count";

/// Answers once, and keeps the request's head.
struct Scripted {
    answer: Mutex<Option<Response<Body>>>,
    asked: Mutex<Option<http::request::Parts>>,
}

impl Upstream for Scripted {
    fn call(
        &self,
        _face: Face,
        request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, UpstreamError>> {
        *self.asked.lock().unwrap() = Some(request.into_parts().0);
        let answer = self.answer.lock().unwrap().take();
        Box::pin(async move {
            match answer {
                Some(answer) => Ok(answer),
                None => std::future::pending().await,
            }
        })
    }
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                http::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect()
}

fn answer(head: &[(&'static str, &'static str)], data: &[u8], trailers: Option<HeaderMap>) -> Response<Body> {
    // One byte a frame: nothing may depend on where frames end.
    let data: Vec<_> = data
        .iter()
        .map(|byte| Ok(Frame::data(Bytes::copy_from_slice(&[*byte]))))
        .collect();
    let trailers = trailers.map(|trailers| Ok::<_, BoxError>(Frame::trailers(trailers)));
    let body = StreamBody::new(stream::iter(data.into_iter().chain(trailers)));
    let mut response = Response::new(Body::new(body));
    *response.headers_mut() = headers(head);
    response
}

fn message() -> Vec<u8> {
    let count = CountResponse {
        result: Some(CountResult { count: 7 }),
        ..CountResponse::default()
    };
    let body = count.encode_to_vec();
    let mut framed = vec![0, 0, 0, 0, u8::try_from(body.len()).unwrap()];
    framed.extend(body);
    framed
}

fn calls(answer: Option<Response<Body>>) -> (Arc<Scripted>, Calls) {
    let scripted = Arc::new(Scripted {
        answer: Mutex::new(answer),
        asked: Mutex::new(None),
    });
    let limits = CallLimits {
        timeout: Duration::from_millis(50),
        answer_bytes_max: 64,
    };
    let key = Some(HeaderValue::from_static("secret"));
    (Arc::clone(&scripted), Calls::new(scripted, key, limits))
}

async fn count(answer: Response<Body>) -> Result<CountResponse, CallError> {
    calls(Some(answer)).1.unary(PATH, &CountResponse::default()).await
}

fn done() -> Option<HeaderMap> {
    Some(headers(&[("grpc-status", "0")]))
}

#[tokio::test]
async fn a_whole_answer_is_read_and_the_request_carries_key_and_deadline() {
    let (scripted, calls) = calls(Some(answer(&[], &message(), done())));
    let read: CountResponse = calls.unary(PATH, &CountResponse::default()).await.unwrap();
    assert_eq!(read.result.unwrap().count, 7);
    let asked = scripted.asked.lock().unwrap().take().unwrap();
    assert_eq!(asked.uri.path(), PATH);
    for (name, value) in [
        ("api-key", "secret"),
        ("grpc-timeout", "50m"),
        ("te", "trailers"),
        ("grpc-accept-encoding", "identity"),
    ] {
        assert_eq!(asked.headers[name], value, "{name}");
    }
}

#[tokio::test]
async fn an_error_is_found_among_headers_and_among_trailers() {
    let status = [("grpc-status", "5"), ("grpc-message", "no point %C3%A4")];
    for answer in [
        answer(&status, &[], None),
        answer(&[], &[], Some(headers(&status))),
    ] {
        let error = count(answer).await.unwrap_err();
        assert!(error.is_not_found(), "{error}");
        assert!(error.to_string().contains("no point ä"), "{error}");
    }
}

#[tokio::test]
async fn what_was_cut_off_is_no_answer() {
    let whole = message();
    let cut = answer(&[], &whole[..whole.len() - 1], done());
    let without_status = answer(&[], &whole, None);
    let empty = answer(&[], &[], done());
    let mut compressed = whole.clone();
    compressed[0] = 1;
    let compressed = answer(&[], &compressed, done());
    let twice = answer(&[], &[whole.clone(), whole].concat(), done());
    for (case, answer) in [
        ("cut", cut),
        ("no status", without_status),
        ("empty", empty),
        ("compressed", compressed),
        ("two messages", twice),
    ] {
        let error = count(answer).await.unwrap_err();
        assert!(matches!(error, CallError::Broken(_)), "{case}: {error}");
    }
}

#[tokio::test]
async fn an_answer_beyond_the_bound_is_not_read_on() {
    let error = count(answer(&[], &[0; 65], done())).await.unwrap_err();
    assert!(matches!(error, CallError::TooLarge { bytes_max: 64 }), "{error}");
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let (_, calls) = calls(None);
    let asked: Result<CountResponse, _> = calls.unary(PATH, &CountResponse::default()).await;
    assert!(matches!(asked, Err(CallError::Timeout { timeout_ms: 50 })));
}

#[test]
fn ids_come_back_from_their_spelling() {
    for text in [
        "0",
        "18446744073709551615",
        "67e55044-10b1-426f-9247-bb680e5fe0c8",
    ] {
        assert_eq!(spelled(&parse_id(text).unwrap()), text);
    }
    for text in ["", "-1", "x", "18446744073709551616"] {
        assert_eq!(parse_id(text), None, "{text}");
    }
}
