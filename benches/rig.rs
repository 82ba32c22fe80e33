//! Both ends of a measurement: an upstream that answers at once, and a client that sends one call after the other and
//! checks every answer. `benches/README.md` says how they are used.
//!
//! ```text
//! rig upstream ADDRESS ANSWER_BYTES
//! rig load ADDRESS CALLS MESSAGE_BYTES ANSWER_BYTES
//! ```

#![allow(missing_docs)]

use std::error::Error;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// As Interlock's own, so that neither end paces the other.
const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 16 * 1024 * 1024;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match args.as_slice() {
        ["upstream", address, answer] => runtime.block_on(upstream(address, answer.parse()?)),
        ["load", address, calls, message, answer] => {
            runtime.block_on(load(address, calls.parse()?, message.parse()?, answer.parse()?))
        }
        _ => Err(
            "rig upstream ADDRESS ANSWER_BYTES | rig load ADDRESS CALLS MESSAGE_BYTES ANSWER_BYTES".into(),
        ),
    }
}

/// A message of about `size` bytes behind its prefix: a collection's name, then one field that nobody looks into.
fn message(size: usize) -> Bytes {
    let mut message = BytesMut::new();
    message.put_slice(b"\x0a\x05bench");
    if size > 16 {
        // Field 2, as a point of an upsert would be.
        message.put_u8(0x12);
        let mut left = size - 16;
        while left >= 0x80 {
            message.put_u8((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        message.put_u8(left as u8);
        message.put_bytes(7, size - 16);
    }
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(&message);
    framed.freeze()
}

async fn upstream(address: &str, answer: usize) -> Outcome<()> {
    let listener = TcpListener::bind(address).await?;
    let answer = message(answer);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, answer.clone()));
    }
}

async fn serve(stream: TcpStream, answer: Bytes) -> Outcome<()> {
    let mut connection = h2::server::Builder::new()
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .handshake(stream)
        .await?;
    while let Some(accepted) = connection.accept().await {
        let (request, mut respond) = accepted?;
        let answer = match request.uri().path() {
            "/qdrant.Points/Upsert" => answer.clone(),
            // Health and aliases: a message of no fields.
            _ => Bytes::from_static(&[0; 5]),
        };
        tokio::spawn(async move {
            let mut body = request.into_body();
            while let Some(data) = body.data().await {
                body.flow_control().release_capacity(data?.len())?;
            }
            let mut head = Response::new(());
            head.headers_mut()
                .insert("content-type", HeaderValue::from_static("application/grpc"));
            let mut stream = respond.send_response(head, false)?;
            stream.send_data(answer, false)?;
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            stream.send_trailers(trailers)?;
            Outcome::Ok(())
        });
    }
    Ok(())
}

async fn load(address: &str, calls: usize, size: usize, answer: usize) -> Outcome<()> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .handshake(stream)
        .await?;
    tokio::spawn(connection);
    let (body, expected) = (message(size), message(answer).len());
    let mut sender = sender;
    for number in 0..calls {
        sender = sender.ready().await?;
        let request = Request::post(format!("http://{address}/qdrant.Points/Upsert"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("user-agent", "rig")
            .body(())?;
        let (response, mut stream) = sender.send_request(request, false)?;
        stream.send_data(body.clone(), true)?;
        let mut answer = response.await?.into_body();
        let mut length = 0;
        while let Some(data) = answer.data().await {
            let data = data?;
            length += data.len();
            answer.flow_control().release_capacity(data.len())?;
        }
        let trailers = answer.trailers().await?.unwrap_or_default();
        let is_good = trailers.get("grpc-status").is_some_and(|status| status == "0");
        if !is_good || length != expected {
            return Err(format!("call {number}: {length} bytes, {trailers:?}").into());
        }
    }
    Ok(())
}
