//! A write that was sent may still run upstream after its client went away: its table stays pinned as long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Response;
use interlock::server::Options;
use interlock::upstream::Face;
use tokio::sync::Semaphore;

use crate::stub::{Scripted, client, eventually, frames, full, post, start, trailers};
use crate::world::{framed, naming, own, publish, world};

async fn a_flip_waits_for_a_write_whose_client_left(face: Face) {
    let arrived = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let script = (Arc::clone(&arrived), Arc::clone(&gate));
    let upstream = start(face, Options::default(), move |_, request| -> Scripted {
        let (arrived, gate) = (Arc::clone(&script.0), Arc::clone(&script.1));
        Box::pin(async move {
            if let Some(answer) = own(request.uri().path()) {
                return Ok(answer);
            }
            arrived.fetch_add(1, Ordering::SeqCst);
            let _pass = gate.acquire().await.expect("open");
            Ok(Response::new(frames("\0\0\0\0\0", Ok(trailers("0")))))
        })
    })
    .await;
    // The REST stub speaks HTTP/2 too, so that it answers the question for aliases.
    let world = world(upstream.address).await;
    let (uri, body) = match face {
        Face::Grpc => (
            world.grpc.uri("/qdrant.Points/Upsert"),
            framed(0, &naming("other", 10)),
        ),
        Face::Rest => (world.rest.uri("/collections/other/points/delete"), b"{}".to_vec()),
    };
    let call = tokio::spawn(client(face == Face::Grpc).request(post(uri, full(body))));
    eventually("the write arrives", || arrived.load(Ordering::SeqCst) == 1).await;
    let epoch = publish(&world.registry, None).await;
    call.abort();
    assert!(call.await.is_err());
    let drained = tokio::time::timeout(Duration::from_millis(300), world.registry.drained(epoch)).await;
    assert!(drained.is_err(), "a write may land after the drain");
    gate.add_permits(1);
    let drained = tokio::time::timeout(Duration::from_secs(10), world.registry.drained(epoch)).await;
    assert!(drained.is_ok(), "the answered write still holds its table");
}

#[tokio::test]
async fn a_flip_waits_for_a_grpc_write_whose_client_left() {
    a_flip_waits_for_a_write_whose_client_left(Face::Grpc).await;
}

#[tokio::test]
async fn a_flip_waits_for_a_rest_write_whose_client_left() {
    a_flip_waits_for_a_write_whose_client_left(Face::Rest).await;
}

#[tokio::test]
async fn a_lost_connection_ends_the_wait() {
    let arrived = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&arrived);
    let upstream = start(Face::Grpc, Options::default(), move |_, request| -> Scripted {
        let counter = Arc::clone(&counter);
        Box::pin(async move {
            if let Some(answer) = own(request.uri().path()) {
                return Ok(answer);
            }
            counter.fetch_add(1, Ordering::SeqCst);
            std::future::pending().await
        })
    })
    .await;
    let world = world(upstream.address).await;
    let body = framed(0, &naming("other", 10));
    let uri = world.grpc.uri("/qdrant.Points/Upsert");
    let call = tokio::spawn(client(true).request(post(uri, full(body))));
    eventually("the write arrives", || arrived.load(Ordering::SeqCst) == 1).await;
    call.abort();
    let epoch = publish(&world.registry, None).await;
    upstream.served.abort();
    let drained = tokio::time::timeout(Duration::from_secs(10), world.registry.drained(epoch)).await;
    assert!(drained.is_ok(), "nothing can run upstream any more");
}
