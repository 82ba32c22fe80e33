//! A remote Qdrant that fails in every way that sockets allow: what the caller learns.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Response;
use http_body_util::BodyExt;
use interlock::server::Options;
use interlock::upstream::remote::RemoteOptions;
use interlock::upstream::{Face, Upstream, UpstreamError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::stub::{call, eventually, frames, full, post, remote, start, trailers};

/// A server that reads one request and says `answer`, then closes, again and again.
async fn blunt(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await;
            if read.is_ok() && stream.write_all(answer.as_bytes()).await.is_ok() {
                drop(stream);
            }
        }
    });
    address
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let remote = remote(address, RemoteOptions::default());
    for face in [Face::Grpc, Face::Rest, Face::Grpc] {
        let error = remote.call(face, call()).await.expect_err("an error");
        assert!(matches!(error, UpstreamError::Unreachable(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_connection_lost_before_the_answer_leaves_the_outcome_unknown() {
    let remote = remote(blunt("").await, RemoteOptions::default());
    let error = remote.call(Face::Rest, call()).await.expect_err("an error");
    assert!(matches!(error, UpstreamError::Unknown(_)), "{error:?}");
}

#[tokio::test]
async fn a_body_that_is_cut_is_an_error_of_the_body() {
    let address = blunt("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"result\":").await;
    let response = remote(address, RemoteOptions::default())
        .call(Face::Rest, call())
        .await
        .expect("a head");
    assert!(response.into_body().collect().await.is_err());
}

#[tokio::test]
async fn requests_go_to_the_upstreams_own_address_with_headers_and_bodies() {
    let upstream = start(Face::Rest, Options::default(), |_, request| {
        Box::pin(async move {
            assert_eq!(
                request.uri().path_and_query().expect("a path"),
                "/behind/collections?x=1"
            );
            assert_eq!(request.headers()["api-key"], "k");
            assert_ne!(request.headers()["host"], "front");
            assert_eq!(request.headers()["content-length"], "8");
            let body = request.into_body().collect().await.expect("a body").to_bytes();
            Ok(Response::new(full(body)))
        })
    })
    .await;
    let url = format!("http://{}/behind", upstream.address);
    let target = interlock::upstream::remote::Target::parse(&url).expect("a target");
    let remote = interlock::upstream::remote::Remote::new(target.clone(), target, RemoteOptions::default());
    let mut request = post("/collections?x=1".parse().expect("a URI"), full("question"));
    for (name, value) in [("api-key", "k"), ("host", "front"), ("content-length", "3")] {
        request
            .headers_mut()
            .insert(name, value.parse().expect("a value"));
    }
    let response = remote.call(Face::Rest, request).await.expect("an answer");
    assert_eq!(
        response.into_body().collect().await.expect("a body").to_bytes(),
        "question"
    );
}

#[tokio::test]
async fn a_thousand_calls_at_once_share_two_connections() {
    let upstream = start(Face::Grpc, Options::default(), |_, request| {
        Box::pin(async move {
            let body = request.into_body().collect().await.expect("a body").to_bytes();
            assert_eq!(body, "question");
            Ok(Response::new(frames("answer", Ok(trailers("0")))))
        })
    })
    .await;
    let remote = remote(upstream.address, RemoteOptions::default());
    let mut calls = JoinSet::new();
    for _ in 0..1_000 {
        let remote = Arc::clone(&remote);
        calls.spawn(async move {
            let response = remote.call(Face::Grpc, call()).await.expect("an answer");
            let body = response.into_body().collect().await.expect("a body");
            assert_eq!(body.trailers().expect("trailers")["grpc-status"], "0");
            assert_eq!(body.to_bytes(), "answer");
        });
    }
    while let Some(done) = calls.join_next().await {
        done.expect("answered");
    }
    upstream.drain.begin().await;
    drop(remote);
    let served = upstream.served.await.expect("ended");
    assert_eq!((served.accepted, served.dropped), (2, 0));
}

#[tokio::test]
async fn one_request_more_than_the_bound_is_refused_and_places_come_back() {
    let upstream = start(Face::Grpc, Options::default(), |_, _| {
        Box::pin(async { Ok(Response::new(frames("answer", Ok(trailers("0"))))) })
    })
    .await;
    let options = RemoteOptions {
        in_flight_max: 1,
        ..RemoteOptions::default()
    };
    let remote = remote(upstream.address, options);
    let unread = remote.call(Face::Grpc, call()).await.expect("an answer");
    let error = remote.call(Face::Grpc, call()).await.expect_err("an error");
    assert!(matches!(error, UpstreamError::Full), "{error:?}");
    drop(unread);
    assert!(remote.call(Face::Grpc, call()).await.is_ok());
}

#[tokio::test]
async fn abandoned_calls_keep_their_places_until_they_are_answered() {
    const CALLS: usize = 50;
    let arrived = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let script = (Arc::clone(&arrived), Arc::clone(&gate));
    let upstream = start(Face::Grpc, Options::default(), move |_, _| {
        let (arrived, gate) = (Arc::clone(&script.0), Arc::clone(&script.1));
        Box::pin(async move {
            arrived.fetch_add(1, Ordering::SeqCst);
            let _pass = gate.acquire().await.expect("open");
            Ok(Response::new(frames("answer", Ok(trailers("0")))))
        })
    })
    .await;
    let options = RemoteOptions {
        in_flight_max: CALLS,
        connections: 1,
        ..RemoteOptions::default()
    };
    let remote = remote(upstream.address, options);
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let remote = Arc::clone(&remote);
        calls.spawn(async move { remote.call(Face::Grpc, call()).await.is_ok() });
    }
    eventually("all calls arrive", || arrived.load(Ordering::SeqCst) == CALLS).await;
    calls.shutdown().await;
    let error = remote.call(Face::Grpc, call()).await.expect_err("an error");
    assert!(
        matches!(error, UpstreamError::Full),
        "a place was freed too early: {error:?}"
    );

    gate.add_permits(10 * CALLS);
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    let mut answered = false;
    for _ in 0..1_000 {
        ticks.tick().await;
        answered = remote.call(Face::Grpc, call()).await.is_ok();
        if answered {
            break;
        }
    }
    assert!(answered, "no place came back");
    upstream.drain.begin().await;
    drop(remote);
    assert_eq!(
        upstream.served.await.expect("ended").accepted,
        1,
        "the connection did not survive"
    );
}

#[tokio::test]
async fn an_upstream_that_comes_back_is_used_again() {
    let answer = |_, _| -> crate::stub::Scripted {
        Box::pin(async { Ok(Response::new(frames("answer", Ok(trailers("0"))))) })
    };
    let first = start(Face::Grpc, Options::default(), answer).await;
    let remote = remote(first.address, RemoteOptions::default());
    assert!(remote.call(Face::Grpc, call()).await.is_ok());
    first.drain.begin().await;
    let address = first.address;
    first.served.await.expect("ended");
    let error = remote.call(Face::Grpc, call()).await.expect_err("an error");
    assert!(matches!(error, UpstreamError::Unreachable(_)), "{error:?}");

    let listener = TcpListener::bind(address).await.expect("the port is free again");
    let drain = interlock::server::Drain::new(Duration::ZERO);
    let service = Arc::new(crate::stub::Script(answer));
    let options = Options::default();
    tokio::spawn(interlock::server::serve(
        listener,
        Face::Grpc,
        service,
        options,
        drain.watch(),
    ));
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let mut is_back = false;
    for _ in 0..500 {
        ticks.tick().await;
        is_back = remote.call(Face::Grpc, call()).await.is_ok();
        if is_back {
            break;
        }
    }
    assert!(is_back, "never reconnected");
}

#[tokio::test]
async fn a_deadline_is_passed_on_less_a_margin() {
    let upstream = start(Face::Grpc, Options::default(), |_, request| {
        Box::pin(async move {
            let given = request.headers()["grpc-timeout"]
                .to_str()
                .expect("ascii")
                .to_owned();
            let micros: u64 = given
                .strip_suffix('u')
                .expect("microseconds")
                .parse()
                .expect("digits");
            assert!((1_000_000..1_960_000).contains(&micros), "{given}");
            Ok(Response::new(frames("answer", Ok(trailers("0")))))
        })
    })
    .await;
    let remote = remote(upstream.address, RemoteOptions::default());
    let mut request = call();
    request
        .headers_mut()
        .insert("grpc-timeout", "9S".parse().expect("a value"));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(2);
    request
        .extensions_mut()
        .insert(interlock::upstream::Deadline(deadline));
    let response = remote.call(Face::Grpc, request).await.expect("an answer");
    assert_eq!(
        response.into_body().collect().await.expect("a body").to_bytes(),
        "answer"
    );
}

#[tokio::test]
async fn an_error_of_the_upstream_passes_as_it_is() {
    let upstream = start(Face::Grpc, Options::default(), |_, _| {
        Box::pin(async {
            let mut response = Response::new(full(""));
            for (name, value) in [
                ("grpc-status", "8"),
                ("grpc-message", "slow%20down"),
                ("retry-after", "7"),
            ] {
                response
                    .headers_mut()
                    .insert(name, value.parse().expect("a value"));
            }
            Ok(response)
        })
    })
    .await;
    let remote = remote(upstream.address, RemoteOptions::default());
    let response = remote.call(Face::Grpc, call()).await.expect("an answer");
    assert_eq!(response.headers()["grpc-status"], "8");
    assert_eq!(response.headers()["grpc-message"], "slow%20down");
    assert_eq!(response.headers()["retry-after"], "7");
    let body = response.into_body().collect().await.expect("a body");
    assert!(
        body.trailers()
            .is_none_or(|trailers| !trailers.contains_key("grpc-status"))
    );
}
