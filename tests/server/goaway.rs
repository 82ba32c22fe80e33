//! HTTP/2's own ways to fail, by an upstream that is the `h2` crate and a script.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::Reason;
use h2::server::{Connection, SendResponse};
use http::Response;
use http_body_util::BodyExt;
use interlock::upstream::remote::RemoteOptions;
use interlock::upstream::{Face, Upstream, UpstreamError};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::stub::{call, remote, trailers};

/// What an upstream does with its connection and a request.
#[derive(Clone, Copy)]
enum Act {
    /// Refuses the stream.
    Refuse,
    /// Closes the socket.
    Close,
    /// Sends a head and some data, then closes the socket.
    Cut,
    /// Sends a head and data, and ends without trailers.
    NoTrailers,
    /// Answers, and says GOAWAY after it.
    AnswerAndLeave,
}

async fn upstream(act: Act, answered: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream, act, Arc::clone(&answered)));
        }
    });
    address
}

async fn connection(stream: TcpStream, act: Act, answered: Arc<AtomicUsize>) {
    let mut connection: Connection<_, Bytes> = h2::server::handshake(stream).await.expect("a handshake");
    let mut held = Vec::new();
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        match act {
            Act::Refuse => respond.send_reset(Reason::REFUSED_STREAM),
            Act::Close => return,
            Act::Cut => {
                let mut body = respond.send_response(Response::new(()), false).expect("a head");
                body.send_data(Bytes::from_static(b"half"), false).expect("data");
                held.push(body);
                // The socket closes once both frames are out.
                let flushed = std::future::poll_fn(|cx| connection.poll_closed(cx));
                let wait = std::time::Duration::from_millis(50);
                if tokio::time::timeout(wait, flushed).await.is_err() {
                    return;
                }
            }
            Act::NoTrailers => {
                let mut body = respond.send_response(Response::new(()), false).expect("a head");
                body.send_data(Bytes::from_static(b"answer"), true).expect("data");
            }
            Act::AnswerAndLeave => {
                answer(&mut respond);
                answered.fetch_add(1, Ordering::SeqCst);
                connection.graceful_shutdown();
            }
        }
    }
}

fn answer(respond: &mut SendResponse<Bytes>) {
    let mut body = respond.send_response(Response::new(()), false).expect("a head");
    body.send_data(Bytes::from_static(b"answer"), false)
        .expect("data");
    body.send_trailers(trailers("0")).expect("trailers");
}

async fn fails(act: Act) -> UpstreamError {
    let address = upstream(act, Arc::default()).await;
    let remote = remote(address, RemoteOptions::default());
    remote.call(Face::Grpc, call()).await.expect_err("an error")
}

#[tokio::test]
async fn a_refused_stream_is_known_to_be_unprocessed() {
    let error = fails(Act::Refuse).await;
    assert!(matches!(error, UpstreamError::Unprocessed(_)), "{error:?}");
}

#[tokio::test]
async fn a_socket_that_closes_before_the_head_leaves_the_outcome_unknown() {
    let error = fails(Act::Close).await;
    assert!(matches!(error, UpstreamError::Unknown(_)), "{error:?}");
}

#[tokio::test]
async fn a_stream_that_is_cut_is_an_error_of_the_body() {
    let address = upstream(Act::Cut, Arc::default()).await;
    let remote = remote(address, RemoteOptions::default());
    let response = remote.call(Face::Grpc, call()).await.expect("a head");
    assert!(response.into_body().collect().await.is_err());
}

#[tokio::test]
async fn an_answer_without_a_status_becomes_unavailable() {
    let address = upstream(Act::NoTrailers, Arc::default()).await;
    let remote = remote(address, RemoteOptions::default());
    let response = remote.call(Face::Grpc, call()).await.expect("a head");
    let body = response.into_body().collect().await.expect("a body");
    assert_eq!(body.trailers().expect("made up")["grpc-status"], "14");
    assert_eq!(body.to_bytes(), "answer");
}

#[tokio::test]
async fn in_a_storm_of_goaways_every_call_is_answered_or_known_unprocessed() {
    let answered = Arc::new(AtomicUsize::new(0));
    let address = upstream(Act::AnswerAndLeave, Arc::clone(&answered)).await;
    let remote = remote(address, RemoteOptions::default());
    let mut calls = JoinSet::new();
    for _ in 0..200 {
        let remote = Arc::clone(&remote);
        calls.spawn(async move {
            let response = remote.call(Face::Grpc, call()).await?;
            let body = response.into_body().collect().await.expect("a whole body");
            assert_eq!(body.trailers().expect("trailers")["grpc-status"], "0");
            Ok::<_, UpstreamError>(())
        });
    }
    let mut whole = 0;
    while let Some(done) = calls.join_next().await {
        match done.expect("ran") {
            Ok(()) => whole += 1,
            Err(UpstreamError::Unprocessed(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(whole > 0);
    assert_eq!(whole, answered.load(Ordering::SeqCst));
}
