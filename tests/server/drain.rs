//! Leaving without losing a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Response, StatusCode};
use http_body_util::BodyExt;
use interlock::server::{Drain, Options, Served};
use interlock::upstream::Face;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::stub::{Script, client, eventually, frames, full, post, start, start_with, trailers};

#[tokio::test]
async fn fifty_requests_in_flight_over_both_faces_are_all_answered() {
    let arrived = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let service = {
        let (arrived, gate) = (Arc::clone(&arrived), Arc::clone(&gate));
        Arc::new(Script(move |face, _| -> crate::stub::Scripted {
            let (arrived, gate) = (Arc::clone(&arrived), Arc::clone(&gate));
            Box::pin(async move {
                arrived.fetch_add(1, Ordering::SeqCst);
                let _pass = gate.acquire().await.expect("open");
                Ok(Response::new(match face {
                    Face::Grpc => frames("answer", Ok(trailers("0"))),
                    Face::Rest => full("answer"),
                }))
            })
        }))
    };
    let drain = Arc::new(Drain::new(Duration::from_millis(20)));
    let options = Options::default();
    let grpc = start_with(Arc::clone(&drain), Face::Grpc, options, Arc::clone(&service) as _).await;
    let rest = start_with(Arc::clone(&drain), Face::Rest, options, service).await;

    let (over_h2, over_h1) = (client(true), client(false));
    let mut calls = JoinSet::new();
    for number in 0..50 {
        let (client, uri) = match number % 2 {
            0 => (over_h2.clone(), grpc.uri("/qdrant.Points/Query")),
            _ => (over_h1.clone(), rest.uri("/collections/c/points/query")),
        };
        calls.spawn(async move {
            let response = client
                .request(post(uri, full("question")))
                .await
                .expect("an answer");
            assert_eq!(response.status(), StatusCode::OK);
            response
                .into_body()
                .collect()
                .await
                .expect("a whole body")
                .to_bytes()
        });
    }
    eventually("fifty requests arrive", || arrived.load(Ordering::SeqCst) == 50).await;

    let view = drain.watch();
    assert!(view.is_ready());
    drain.begin().await;
    assert!(!view.is_ready());
    for address in [grpc.address, rest.address] {
        let mut refused = TcpStream::connect(address).await.is_err();
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        for _ in 0..400 {
            if refused {
                break;
            }
            ticks.tick().await;
            refused = TcpStream::connect(address).await.is_err();
        }
        assert!(refused, "still taking connections");
    }
    assert!(!grpc.served.is_finished() && !rest.served.is_finished());

    gate.add_permits(50);
    let mut answered = 0;
    while let Some(answer) = calls.join_next().await {
        assert_eq!(answer.expect("not lost"), "answer");
        answered += 1;
    }
    assert_eq!(answered, 50);
    assert_eq!(grpc.served.await.expect("ended").dropped, 0);
    assert_eq!(rest.served.await.expect("ended").dropped, 0);
}

#[tokio::test]
async fn what_does_not_end_in_time_is_dropped_and_counted() {
    let arrived = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&arrived);
    let options = Options {
        drain_wait: Duration::from_millis(50),
        ..Options::default()
    };
    let face = start(Face::Rest, options, move |_, _| {
        counter.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::pending())
    })
    .await;
    let call = tokio::spawn(client(false).request(post(face.uri("/x"), full("q"))));
    eventually("the request arrives", || arrived.load(Ordering::SeqCst) == 1).await;
    let idle = TcpStream::connect(face.address).await.expect("connected");
    face.drain.begin().await;
    let served = face.served.await.expect("ended");
    assert_eq!(
        (served.accepted, served.dropped),
        (2, 1),
        "{:?}",
        Served::default()
    );
    assert!(call.await.expect("ran").is_err());
    drop(idle);
}
