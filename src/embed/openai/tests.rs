//! The endpoint's good and bad days, played by a server on loopback.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use super::OpenAi;
use crate::embed::{BadEmbedder, EmbedError, Embedder as _, Embedding, OpenAiSpec, Purpose};

/// What the stub does with one request.
#[derive(Clone, Debug)]
enum Reply {
    /// Each text's length as its vector, the rows in reverse order.
    Lengths,
    Body(String),
    Status(u16, Option<&'static str>, &'static str),
    /// Never answers.
    Hang,
    /// Closes the connection without an answer.
    Close,
}

struct Stub {
    url: String,
    /// Each request: its authorization and its body.
    seen: watch::Receiver<Vec<(Option<String>, Value)>>,
}

async fn answer(reply: Reply, question: &Value) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let texts = question["input"].as_array().unwrap();
    let (status, retry, body) = match reply {
        Reply::Lengths => {
            let row = |(index, text): (usize, &Value)| {
                let length = text.as_str().unwrap().len();
                json!({"index": index, "embedding": [length], "object": "embedding"})
            };
            let rows: Vec<Value> = texts.iter().enumerate().map(row).rev().collect();
            (200, None, json!({"data": rows, "model": "m"}).to_string())
        }
        Reply::Body(body) => (200, None, body),
        Reply::Status(status, retry, body) => (status, retry, body.to_owned()),
        Reply::Hang => std::future::pending().await,
        Reply::Close => return Err(std::io::Error::other("closed")),
    };
    let mut response = Response::builder().status(status);
    if let Some(seconds) = retry {
        response = response.header("retry-after", seconds);
    }
    Ok(response.body(Full::new(body.into())).unwrap())
}

impl Stub {
    /// Replies in this order; the last one for ever.
    async fn start(replies: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/embeddings", listener.local_addr().unwrap());
        let (sender, seen) = watch::channel(Vec::new());
        let sender = Arc::new(sender);
        let replies = Arc::new(Mutex::new(VecDeque::from(replies.to_vec())));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (sender, replies) = (sender.clone(), replies.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (sender, replies) = (sender.clone(), replies.clone());
                    async move {
                        let key = request.headers().get("authorization").cloned();
                        let key = key.map(|key| key.to_str().unwrap().to_owned());
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        let question: Value = serde_json::from_slice(&body).unwrap();
                        sender.send_modify(|all| all.push((key, question.clone())));
                        let reply = {
                            let mut replies = replies.lock().unwrap();
                            match replies.len() {
                                1 => replies[0].clone(),
                                _ => replies.pop_front().unwrap(),
                            }
                        };
                        answer(reply, &question).await
                    }
                });
                tokio::spawn(async move {
                    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    drop(served.await);
                    Ok::<_, Infallible>(())
                });
            }
        });
        Self { url, seen }
    }

    fn spec(&self) -> OpenAiSpec {
        OpenAiSpec {
            timeout_ms: 5_000,
            ..OpenAiSpec::new(self.url.as_str(), "m")
        }
    }

    fn embedder(&self) -> OpenAi {
        OpenAi::new(&self.spec(), &|_| None).unwrap()
    }

    fn calls(&self) -> usize {
        self.seen.borrow().len()
    }
}

async fn ask(embedder: &OpenAi, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
    embedder.embed(Purpose::Document, texts).await
}

fn lengths(texts: &[&str]) -> Vec<Embedding> {
    texts
        .iter()
        .map(|text| Embedding::Dense(vec![text.len() as f32]))
        .collect()
}

#[tokio::test]
async fn rows_out_of_order_come_back_in_the_order_of_the_texts() {
    let stub = Stub::start(&[Reply::Lengths]).await;
    let texts = ["a", "four", "xx"];
    assert_eq!(ask(&stub.embedder(), &texts).await.unwrap(), lengths(&texts));
    let seen = stub.seen.borrow();
    assert_eq!(seen.len(), 1, "one call for all texts");
    let question = json!({"model": "m", "input": texts, "encoding_format": "float"});
    assert_eq!(seen[0], (None, question));
}

#[tokio::test]
async fn more_texts_than_the_batch_bound_go_in_several_calls_and_keep_their_order() {
    let stub = Stub::start(&[Reply::Lengths]).await;
    let spec = OpenAiSpec {
        batch_max: 2,
        ..stub.spec()
    };
    let texts = ["a", "bb", "ccc", "dddd", "eeeee"];
    let embedder = OpenAi::new(&spec, &|_| None).unwrap();
    assert_eq!(ask(&embedder, &texts).await.unwrap(), lengths(&texts));
    assert_eq!(stub.calls(), 3);
    assert_eq!(ask(&embedder, &[]).await.unwrap(), []);
}

#[tokio::test]
async fn the_key_comes_from_the_named_variable_and_is_told_nowhere() {
    let refusal = r#"{"error":{"message":"bad key sesame"}}"#;
    let stub = Stub::start(&[Reply::Lengths, Reply::Status(401, None, refusal)]).await;
    let spec = OpenAiSpec {
        api_key_env: Some("THE_KEY".to_owned()),
        ..stub.spec()
    };
    let secret = |name: &str| (name == "THE_KEY").then(|| "sesame".to_owned());
    let embedder = OpenAi::new(&spec, &secret).unwrap();
    ask(&embedder, &["a"]).await.unwrap();
    assert_eq!(stub.seen.borrow()[0].0.as_deref(), Some("Bearer sesame"));
    let refused = ask(&embedder, &["a"]).await.unwrap_err();
    assert_eq!(
        refused,
        EmbedError::Rejected("the API key (status 401)".to_owned())
    );
    assert_eq!(
        OpenAi::new(&spec, &|_| None).err(),
        Some(BadEmbedder::NoKey("THE_KEY".to_owned()))
    );
    assert!(!serde_json::to_string(&spec).unwrap().contains("sesame"));
}

#[tokio::test]
async fn overload_and_server_errors_are_asked_again_within_the_bound() {
    let busy = Reply::Status(429, Some("0"), "");
    let stub = Stub::start(&[busy.clone(), Reply::Status(500, None, ""), Reply::Lengths]).await;
    assert_eq!(ask(&stub.embedder(), &["abc"]).await.unwrap(), lengths(&["abc"]));
    assert_eq!(stub.calls(), 3);

    let stub = Stub::start(&[Reply::Status(503, None, "")]).await;
    let failed = ask(&stub.embedder(), &["abc"]).await.unwrap_err();
    assert!(
        matches!(
            failed,
            EmbedError::Unavailable {
                retry_after: None,
                ..
            }
        ),
        "{failed:?}"
    );
    assert_eq!(stub.calls(), 3, "one attempt and two repetitions");
}

#[tokio::test]
async fn a_wait_beyond_the_time_of_the_call_is_told_at_once() {
    let stub = Stub::start(&[Reply::Status(429, Some("3600"), "")]).await;
    match ask(&stub.embedder(), &["a"]).await {
        Err(EmbedError::Unavailable { retry_after, .. }) => {
            assert_eq!(retry_after, Some(Duration::from_secs(3600)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(stub.calls(), 1);
}

#[tokio::test]
async fn a_refusal_is_not_repeated_and_says_why() {
    let refusal = r#"{"error":{"message":"input too long"}}"#;
    let stub = Stub::start(&[Reply::Status(400, None, refusal)]).await;
    let refused = ask(&stub.embedder(), &["a"]).await.unwrap_err();
    assert_eq!(
        refused,
        EmbedError::Rejected("status 400: input too long".to_owned())
    );
    assert_eq!(stub.calls(), 1);
}

#[tokio::test]
async fn silence_is_a_timeout_and_a_closed_connection_is_unavailable() {
    let stub = Stub::start(&[Reply::Hang]).await;
    let spec = OpenAiSpec {
        timeout_ms: 50,
        ..stub.spec()
    };
    let silent = OpenAi::new(&spec, &|_| None).unwrap();
    assert_eq!(ask(&silent, &["a"]).await, Err(EmbedError::Timeout));

    let stub = Stub::start(&[Reply::Close]).await;
    let closed = ask(&stub.embedder(), &["a"]).await;
    assert!(
        matches!(closed, Err(EmbedError::Unavailable { .. })),
        "{closed:?}"
    );

    let nobody = OpenAi::new(&OpenAiSpec::new("http://127.0.0.1:1/", "m"), &|_| None).unwrap();
    let unreachable = ask(&nobody, &["a"]).await.unwrap_err();
    assert_eq!(
        unreachable.to_string(),
        "the embedder is unavailable: no connection"
    );
}

#[tokio::test]
async fn one_more_than_the_queue_holds_is_busy() {
    let stub = Stub::start(&[Reply::Hang]).await;
    let spec = OpenAiSpec {
        concurrency_max: 1,
        queue_max: 1,
        ..stub.spec()
    };
    let embedder = Arc::new(OpenAi::new(&spec, &|_| None).unwrap());
    let entered = Arc::new(Notify::new());
    let held: Vec<_> = (0..2)
        .map(|_| {
            let (embedder, entered) = (embedder.clone(), entered.clone());
            tokio::spawn(async move {
                entered.notify_one();
                ask(&embedder, &["a"]).await
            })
        })
        .collect();
    let mut seen = stub.seen.clone();
    seen.wait_for(|calls| calls.len() == 1).await.unwrap();
    // One call is out. On this one thread the other task ran up to its wait before the answer could be seen.
    assert_eq!(embedder.admitted.available_permits(), 0);
    assert_eq!(ask(&embedder, &["a"]).await, Err(EmbedError::Busy));
    assert_eq!(stub.calls(), 1);
    held.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn answers_of_the_wrong_shape_are_refused() {
    let row = |index: usize, embedding: &str| format!(r#"{{"index":{index},"embedding":{embedding}}}"#);
    let data = |rows: &[String]| format!(r#"{{"data":[{}]}}"#, rows.join(","));
    for body in [
        data(&[row(0, "[1]")]),
        data(&[row(0, "[1]"), row(0, "[1]")]),
        data(&[row(0, "[1]"), row(2, "[1]")]),
        data(&[row(0, "[1]"), row(1, "[1]"), row(2, "[1]")]),
        data(&[row(0, "[NaN]"), row(1, "[1]")]),
        data(&[row(0, "[null]"), row(1, "[1]")]),
        data(&[row(0, r#""AAA""#), row(1, "[1]")]),
        data(&[r#"{"embedding":[1]}"#.to_owned(), row(1, "[1]")]),
        "<html>".to_owned(),
        String::new(),
    ] {
        let stub = Stub::start(&[Reply::Body(body.clone())]).await;
        let wrong = ask(&stub.embedder(), &["a", "b"]).await;
        assert!(
            matches!(wrong, Err(EmbedError::WrongShape { .. })),
            "{body}: {wrong:?}"
        );
        assert_eq!(stub.calls(), 1);
    }
}

#[tokio::test]
async fn an_answer_over_the_bound_is_not_read_to_its_end() {
    let stub = Stub::start(&[Reply::Body(" ".repeat(4096))]).await;
    let spec = OpenAiSpec {
        answer_bytes_max: 2048,
        ..stub.spec()
    };
    let embedder = OpenAi::new(&spec, &|_| None).unwrap();
    match ask(&embedder, &["a"]).await {
        Err(EmbedError::WrongShape { expected, .. }) => assert_eq!(expected, "at most 2048 bytes"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn base64_is_read_as_little_endian_floats() {
    let body = r#"{"data":[{"index":0,"embedding":"AACAPwAAAMA="}]}"#.to_owned();
    let stub = Stub::start(&[Reply::Body(body)]).await;
    let vectors = ask(&stub.embedder(), &["a"]).await.unwrap();
    assert_eq!(vectors, [Embedding::Dense(vec![1.0, -2.0])]);
}

#[test]
fn bad_specifications_are_refused() {
    let refused = |url: &str| OpenAi::new(&OpenAiSpec::new(url, "m"), &|_| None).err();
    for url in ["", "localhost:80", "ftp://h/", "http://"] {
        assert_eq!(refused(url), Some(BadEmbedder::Url(url.to_owned())));
    }
    assert_eq!(refused("http://u:p@h/"), Some(BadEmbedder::Credentials));
    let mut spec = OpenAiSpec::new("http://h/", "m");
    spec.batch_max = 0;
    let bad = OpenAi::new(&spec, &|_| None).err();
    assert!(matches!(
        bad,
        Some(BadEmbedder::Bound {
            name: "batch_max",
            ..
        })
    ));
}
