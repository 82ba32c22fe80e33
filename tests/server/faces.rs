//! What clients see of a listener.

use std::time::Duration;

use http::{Response, StatusCode};
use http_body_util::BodyExt;
use interlock::domain::refusal::{Refusal, RefusalKind};
use interlock::server::Options;
use interlock::upstream::Face;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stub::{client, frames, full, post, start, trailers};

#[tokio::test]
async fn a_call_passes_with_its_metadata_frames_and_trailers() {
    let face = start(Face::Grpc, Options::default(), |face, request| {
        Box::pin(async move {
            assert_eq!(face, Face::Grpc);
            let headers = request.headers();
            assert_eq!(headers["te"], "trailers");
            assert_eq!(headers["api-key"], "k");
            assert_eq!(
                headers["traceparent"],
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            );
            assert_eq!(headers["x-request-id"], "mine");
            let body = request.into_body().collect().await.expect("a body");
            assert_eq!(body.to_bytes(), "question");
            Ok(Response::new(frames("answer", Ok(trailers("0")))))
        })
    })
    .await;
    let mut request = post(face.uri("/qdrant.Points/Query"), full("question"));
    for (name, value) in [
        ("te", "trailers"),
        ("api-key", "k"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        ("x-request-id", "mine"),
    ] {
        request
            .headers_mut()
            .insert(name, value.parse().expect("a value"));
    }
    let response = client(true).request(request).await.expect("an answer");
    assert_eq!(response.headers()["x-request-id"], "mine");
    let body = response.into_body().collect().await.expect("a body");
    assert_eq!(body.trailers().expect("trailers")["grpc-status"], "0");
    assert_eq!(body.to_bytes(), "answer");
}

#[tokio::test]
async fn rest_is_served_over_both_versions_of_http() {
    let face = start(Face::Rest, Options::default(), |_, request| {
        Box::pin(async move {
            assert!(!request.headers().contains_key("connection"));
            let mut response = Response::new(full(request.uri().path().to_owned()));
            response
                .headers_mut()
                .insert("keep-alive", "timeout=5".parse().expect("a value"));
            Ok(response)
        })
    })
    .await;
    for is_h2 in [false, true] {
        let response = client(is_h2)
            .request(post(face.uri("/collections/c/points"), full("")))
            .await
            .expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        assert!(!response.headers().contains_key("keep-alive"));
        let id = response.headers()["x-request-id"]
            .to_str()
            .expect("ascii")
            .to_owned();
        assert!(uuid::Uuid::parse_str(&id).is_ok(), "{id}");
        let body = response.into_body().collect().await.expect("a body");
        assert_eq!(body.to_bytes(), "/collections/c/points");
    }
}

#[tokio::test]
async fn refusals_have_each_apis_own_shape() {
    let refuse = |_, _| -> crate::stub::Scripted {
        Box::pin(async { Err(Refusal::new(RefusalKind::NotReady, "space_not_ready", "Wait.")) })
    };
    let grpc = start(Face::Grpc, Options::default(), refuse).await;
    let response = client(true)
        .request(post(grpc.uri("/qdrant.Points/Query"), full("q")))
        .await
        .expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["grpc-status"], "9");
    assert_eq!(response.headers()["grpc-message"], "Wait.");
    assert_eq!(response.headers()["interlock-reason"], "space_not_ready");
    assert!(
        response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes()
            .is_empty()
    );

    let rest = start(Face::Rest, Options::default(), refuse).await;
    let response = client(false)
        .request(post(rest.uri("/x"), full("q")))
        .await
        .expect("an answer");
    assert_eq!(response.status(), StatusCode::CONFLICT);
    assert_eq!(response.headers()["interlock-reason"], "space_not_ready");
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(body, r#"{"status":{"error":"Wait."},"time":0.0}"#);
}

/// Reads one answer with a `content-length`, and returns its head.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next());
            if body.len() >= length.expect("a length").parse::<usize>().expect("a number") {
                return head.to_owned();
            }
        }
        let mut piece = [0; 4096];
        let bytes = stream.read(&mut piece).await.expect("a read");
        assert!(bytes > 0, "the connection ended: {text}");
        read.extend_from_slice(&piece[..bytes]);
    }
}

#[tokio::test]
async fn a_connection_outlives_a_request_that_is_refused_unread() {
    let refuse = |_, _| -> crate::stub::Scripted {
        Box::pin(async { Err(Refusal::new(RefusalKind::Forbidden, "closed_call", "No.")) })
    };
    let face = start(Face::Rest, Options::default(), refuse).await;
    let mut stream = TcpStream::connect(face.address).await.expect("connects");
    let body = vec![b'x'; 3_000_000];
    for round in 0..5 {
        let head = format!(
            "POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.expect("a head");
        stream.write_all(&body).await.expect("a body");
        let answer = read_answer(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "round {round}: {answer}");
        assert!(!answer.contains("connection: close"), "round {round}: {answer}");
    }
    let head = "POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 99000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("a head");
    let answer = read_answer(&mut stream).await;
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_call_ends_with_its_own_deadline() {
    let face = start(Face::Grpc, Options::default(), |_, _| {
        Box::pin(std::future::pending())
    })
    .await;
    let mut request = post(face.uri("/qdrant.Points/Query"), full("q"));
    request
        .headers_mut()
        .insert("grpc-timeout", "50m".parse().expect("a value"));
    let response = client(true).request(request).await.expect("an answer");
    assert_eq!(response.headers()["grpc-status"], "4");
    assert_eq!(response.headers()["interlock-reason"], "deadline_exceeded");
}

#[tokio::test]
async fn an_answer_that_breaks_is_never_taken_for_a_whole_one() {
    let broken = |_, _| -> crate::stub::Scripted {
        Box::pin(async { Ok(Response::new(frames("half", Err("cut".into())))) })
    };
    let grpc = start(Face::Grpc, Options::default(), broken).await;
    let response = client(true)
        .request(post(grpc.uri("/qdrant.Points/Query"), full("q")))
        .await
        .expect("a head");
    let body = response.into_body().collect().await.expect("a body");
    assert_eq!(body.trailers().expect("trailers")["grpc-status"], "14");

    let rest = start(Face::Rest, Options::default(), broken).await;
    let whole = match client(false).request(post(rest.uri("/x"), full("q"))).await {
        Ok(response) => response
            .into_body()
            .collect()
            .await
            .map(drop)
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    assert!(whole.is_err());
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let options = Options {
        body_idle_timeout: Duration::from_millis(50),
        ..Options::default()
    };
    let face = start(Face::Rest, options, |_, request| {
        Box::pin(async move {
            match request.into_body().collect().await {
                Ok(_) => Ok(Response::new(full("whole"))),
                Err(_) => Err(Refusal::invalid("slow_body", "The body stalled.")),
            }
        })
    })
    .await;
    let mut stream = TcpStream::connect(face.address).await.expect("connected");
    let head = b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nhalf";
    stream.write_all(head).await.expect("sent");
    let mut answer = vec![0; 4096];
    let count = stream.read(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..count]).into_owned();
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("slow_body"),
        "{answer}"
    );
}

#[tokio::test]
async fn connections_that_say_nothing_or_the_wrong_thing_are_closed() {
    let options = Options {
        head_timeout: Duration::from_millis(50),
        ..Options::default()
    };
    let rest = start(Face::Rest, options, |_, _| {
        Box::pin(async { Ok(Response::new(full(""))) })
    })
    .await;
    let grpc = start(Face::Grpc, Options::default(), |_, _| {
        Box::pin(async { Ok(Response::new(full(""))) })
    })
    .await;
    for (address, said) in [
        (rest.address, &b""[..]),
        (rest.address, &b"PRI * HT"[..]),
        (rest.address, &b"GET / HTTP/1.1\r\nhost"[..]),
        (grpc.address, &b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"[..]),
    ] {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        stream.write_all(said).await.expect("sent");
        let mut answer = Vec::new();
        let closed = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(closed.is_err() || !answer.contains("200"), "{answer}");
    }
}

#[tokio::test]
async fn connections_over_the_cap_wait_for_a_place() {
    let options = Options {
        connections_max: 1,
        ..Options::default()
    };
    let face = start(Face::Rest, options, |_, _| {
        Box::pin(async { Ok(Response::new(full("served"))) })
    })
    .await;
    let request = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n";
    let mut first = TcpStream::connect(face.address).await.expect("connected");
    first.write_all(request).await.expect("sent");
    let mut answer = [0; 12];
    first.read_exact(&mut answer).await.expect("an answer");
    let mut second = TcpStream::connect(face.address)
        .await
        .expect("in the kernel's queue");
    second.write_all(request).await.expect("sent");
    let waiting = tokio::time::timeout(Duration::from_millis(100), second.read_exact(&mut answer)).await;
    assert!(waiting.is_err(), "served beyond the cap");
    drop(first);
    second
        .read_exact(&mut answer)
        .await
        .expect("served once there is a place");
    assert_eq!(&answer, b"HTTP/1.1 200");
}
