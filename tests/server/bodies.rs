//! Bodies on their way through the engine: however they are cut, packed or forged, upstream and Interlock read the same
//! message, or nothing arrives.

use std::io::Write;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use interlock::server::Options;
use interlock::upstream::Face;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stub::{Running, Scripted, client, eventually, full, post, start};
use crate::world::{World, empty, framed, naming, own, status, world};

/// What arrived upstream: each body that came whole, with its head.
type Arrived = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

async fn recording() -> (Running, Arrived) {
    let arrived = Arrived::default();
    let record = Arc::clone(&arrived);
    let upstream = start(Face::Rest, Options::default(), move |_, request| -> Scripted {
        let record = Arc::clone(&record);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let whole = body.collect().await;
            if let Some(answer) = own(head.uri.path()) {
                return Ok(answer);
            }
            if let Ok(body) = whole {
                record
                    .lock()
                    .expect("sound")
                    .push((head.headers, body.to_bytes()));
            }
            Ok(match head.version {
                http::Version::HTTP_2 => empty(),
                _ => Response::new(full("{}")),
            })
        })
    })
    .await;
    (upstream, arrived)
}

fn taken(arrived: &Arrived) -> Vec<(HeaderMap, Bytes)> {
    std::mem::take(&mut *arrived.lock().expect("sound"))
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).expect("packed");
    encoder.finish().expect("packed")
}

/// Sends `body` cut into chunks of `size`, and gives the status.
async fn grpc(
    world: &World,
    path: &str,
    headers: &[(&'static str, &str)],
    body: Vec<u8>,
    size: usize,
) -> String {
    let stream = TcpStream::connect(world.grpc.address).await.expect("connected");
    let (mut sender, connection) = h2::client::handshake(stream).await.expect("a handshake");
    let connection = tokio::spawn(connection);
    let mut request = Request::post(world.grpc.uri(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (answer, mut stream) = sender
        .send_request(request.body(()).expect("a request"), false)
        .expect("sent");
    let body = Bytes::from(body);
    let chunks: Vec<Bytes> = (0..body.len())
        .step_by(size)
        .map(|at| body.slice(at..(at + size).min(body.len())))
        .collect();
    for chunk in chunks {
        if stream.send_data(chunk, false).is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    // Refused early, the stream is closed already.
    let _ended = stream.send_data(Bytes::new(), true).is_ok();
    let answer = answer.await.expect("an answer");
    let (head, mut body) = answer.into_parts();
    while let Some(data) = body.data().await {
        let length = data.expect("data").len();
        body.flow_control().release_capacity(length).expect("released");
    }
    let trailers = body.trailers().await.expect("an end");
    connection.abort();
    status(&head.headers, trailers.as_ref())
}

const DELETE: &str = "/qdrant.Points/Delete";

#[tokio::test]
async fn a_message_passes_whole_however_its_frames_are_cut() {
    let (upstream, arrived) = recording().await;
    let world = world(upstream.address).await;
    let body = framed(0, &naming("other", 300));
    for size in [1, 2, 3, 5, 6, 7, 64, body.len()] {
        assert_eq!(grpc(&world, DELETE, &[], body.clone(), size).await, "0", "{size}");
        let whole = taken(&arrived);
        assert_eq!(whole.len(), 1, "{size}");
        assert_eq!(whole[0].1, body, "{size}");
    }
}

#[tokio::test]
async fn what_is_not_one_message_of_one_collection_never_arrives_whole() {
    let (upstream, arrived) = recording().await;
    let world = world(upstream.address).await;
    let good = naming("other", 40_000);
    let second_name = [good.clone(), naming("docs", 0)].concat();
    let gzipped = [("grpc-encoding", "gzip")];
    let two_members = [gzip(&naming("docs", 0)), gzip(&naming("other", 0))].concat();
    type Case<'a> = (&'a str, &'a [(&'static str, &'a str)], Vec<u8>);
    let cases: [Case<'_>; 8] = [
        ("a second name at the end", &[], framed(0, &second_name)),
        ("two messages", &[], framed(0, &good).repeat(2)),
        (
            "a prefix that says less",
            &[],
            [framed(0, &good), vec![0; 7]].concat(),
        ),
        ("an unknown flag", &[], framed(2, &good)),
        ("flagged, but no encoding", &[], framed(1, &gzip(&good))),
        ("two gzip members", &gzipped, framed(1, &two_members)),
        ("half a prefix", &[], framed(0, &good)[..3].to_vec()),
        (
            "an encoding that gRPC lacks",
            &[("grpc-encoding", "deflate")],
            framed(1, &good),
        ),
    ];
    for (what, headers, body) in cases {
        let status = grpc(&world, DELETE, headers, body, 4_096).await;
        assert!(["3", "14"].contains(&status.as_str()), "{what}: {status}");
        assert!(taken(&arrived).is_empty(), "{what}");
    }
    // The connection to the upstream lives on.
    assert_eq!(grpc(&world, DELETE, &[], framed(0, &good), 4_096).await, "0");
    assert_eq!(taken(&arrived).len(), 1);
}

#[tokio::test]
async fn packed_and_plain_messages_under_gzip_are_told_by_their_own_flag() {
    let (upstream, arrived) = recording().await;
    let world = world(upstream.address).await;
    let message = naming("other", 100);
    let gzipped = [("grpc-encoding", "gzip"), ("content-type", "application/json")];
    for body in [framed(1, &gzip(&message)), framed(0, &message)] {
        assert_eq!(grpc(&world, DELETE, &gzipped, body.clone(), 7).await, "0");
        assert_eq!(taken(&arrived)[0].1, body);
    }
    // To a managed collection, whatever the packing: read, and refused for what it is.
    let message = naming("docs", 100);
    for body in [framed(1, &gzip(&message)), framed(0, &message)] {
        assert_eq!(grpc(&world, DELETE, &gzipped, body, 7).await, "3");
        assert!(taken(&arrived).is_empty());
    }
}

#[tokio::test]
async fn a_length_beyond_the_bound_is_refused_before_its_bytes_come() {
    let (upstream, arrived) = recording().await;
    let world = world(upstream.address).await;
    let body = [&[0, 0x40, 0, 0, 0][..], &naming("docs", 0)].concat();
    assert_eq!(grpc(&world, DELETE, &[], body, 5).await, "8");
    assert!(taken(&arrived).is_empty());
}

#[tokio::test]
async fn packed_json_that_is_read_goes_on_as_it_was_read() {
    let (upstream, arrived) = recording().await;
    let world = world(upstream.address).await;
    let text = br#"{"query": 1, "limit": 1}"#;
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    deflate.write_all(text).expect("packed");
    let packed = [
        ("gzip", gzip(text)),
        ("GZip", gzip(text)),
        ("deflate", deflate.finish().expect("packed")),
        ("zstd", zstd::encode_all(&text[..], 3).expect("packed")),
    ];
    let uri = world.rest.uri("/collections/other/points/query");
    for (encoding, body) in packed {
        let mut request = post(uri.clone(), full(body));
        request
            .headers_mut()
            .insert("content-encoding", encoding.parse().expect("a value"));
        let answer = client(false).request(request).await.expect("an answer");
        assert_eq!(answer.status(), 200, "{encoding}");
        let (headers, body) = taken(&arrived).remove(0);
        assert_eq!(body, &text[..], "{encoding}");
        assert!(!headers.contains_key("content-encoding"));
        assert_eq!(headers["content-length"], text.len().to_string().as_str());
    }
    let mut request = post(uri, full("x"));
    request
        .headers_mut()
        .insert("content-encoding", "compress".parse().expect("a value"));
    let answer = client(false).request(request).await.expect("an answer");
    assert_eq!(answer.headers()["interlock-reason"], "encoding");
    assert!(taken(&arrived).is_empty());
}

/// One raw HTTP/1.1 exchange, to the connection's end.
async fn raw(world: &World, request: &str) -> String {
    let mut stream = TcpStream::connect(world.rest.address).await.expect("connected");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // A connection that is reset after its answer has still answered.
    let _end = stream.read_to_end(&mut answer).await.is_ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_request_of_two_lengths_is_one_request() {
    let (upstream, arrived) = recording().await;
    let world = world(upstream.address).await;
    let smuggled =
        "0\r\n\r\nPOST /collections/docs/points/delete HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}";
    for lengths in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
    ] {
        let head = format!("POST /collections/other/points/delete HTTP/1.1\r\nhost: h\r\n{lengths}\r\n");
        let answer = raw(&world, &format!("{head}2\r\n{{}}\r\n{smuggled}")).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        let requests = taken(&arrived);
        assert_eq!(requests.len(), 1, "{lengths}");
        assert_eq!(requests[0].1, "{}");
        assert!(
            requests[0]
                .0
                .get("content-length")
                .is_none_or(|length| length == "2")
        );
    }
    for lengths in [
        "content-length: 2\r\ncontent-length: 3\r\n",
        "transfer-encoding: chunked, gzip\r\n",
        "content-length: +2\r\n",
    ] {
        let head = format!("POST /collections/other/points/delete HTTP/1.1\r\nhost: h\r\n{lengths}\r\n{{}}");
        let answer = raw(&world, &head).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{lengths}: {answer}");
        assert!(taken(&arrived).is_empty());
    }
}

#[tokio::test]
async fn requests_are_placed_by_path_alone() {
    let (upstream, arrived) = recording().await;
    let world = world(upstream.address).await;
    let placed = |line: &str, headers: &str| {
        format!("{line} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{headers}content-length: 2\r\n\r\n{{}}")
    };
    for line in [
        "POST http://evil:1/collections/docs/points/delete",
        "POST //collections//docs/points/delete/",
        "POST /collections/%64ocs/%70oints/delete",
    ] {
        for headers in ["", "content-type: text/plain\r\n"] {
            let answer = raw(&world, &placed(line, headers)).await;
            assert!(answer.starts_with("HTTP/1.1 400"), "{line}: {answer}");
            assert!(taken(&arrived).is_empty(), "{line}");
        }
    }
    for line in [
        "HEAD /collections/docs",
        "TRACE /collections/docs",
        "PROPFIND /collections/other",
        "POST /Collections/other/points/delete",
    ] {
        let answer = raw(&world, &placed(line, "")).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{line}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{line}: {answer}");
        assert!(taken(&arrived).is_empty(), "{line}");
    }
    for line in [
        "OPTIONS /collections/docs/points/query",
        "POST http://evil:1/collections/other/points/delete",
    ] {
        let answer = raw(&world, &placed(line, "origin: http://app\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{line}: {answer}");
        let (headers, _) = taken(&arrived).remove(0);
        assert_eq!(headers["origin"], "http://app");
        assert_ne!(headers["host"], "evil:1");
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_its_body_leaves_nothing_behind() {
    let (upstream, arrived) = recording().await;
    let world = world(upstream.address).await;
    let stream = TcpStream::connect(world.grpc.address).await.expect("connected");
    let (mut sender, connection) = h2::client::handshake(stream).await.expect("a handshake");
    let connection = tokio::spawn(connection);
    let body = Bytes::from(framed(0, &naming("other", 1_000)));
    for _ in 0..200 {
        let request = Request::post(world.grpc.uri(DELETE)).body(()).expect("a request");
        sender = sender.ready().await.expect("ready");
        let (_, mut stream) = sender.send_request(request, false).expect("sent");
        stream.send_data(body.slice(..100), false).expect("sent");
        stream.send_reset(h2::Reason::CANCEL);
    }
    let good = grpc(&world, DELETE, &[], body.to_vec(), 100).await;
    assert_eq!(good, "0", "the upstream's connection did not survive");
    eventually("one whole body arrives", || {
        arrived.lock().expect("sound").len() == 1
    })
    .await;
    connection.abort();
    upstream.drain.begin().await;
    drop(world);
    assert!(
        upstream.served.await.expect("ended").accepted <= 2,
        "cancellations cost the connection"
    );
}
