//! The connection to Interlock's operator port, and what its failures mean.

use std::error::Error;
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

use super::args::Connection;
use super::exit::Failure;
use crate::admin::error::{AdminError, ErrorKind};
use crate::admin::proto::admin_client::AdminClient;

const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How often a silent connection is asked whether it lives, and how long it may take to say so.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_ANSWER_MAX: Duration = Duration::from_secs(10);
/// Room for a list of models whose embedders carry fitted weights.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Puts the operator's token on each call.
#[derive(Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// The generated client, connected.
pub(super) type Stub = AdminClient<InterceptedService<Channel, Bearer>>;

/// Interlock, reached.
pub(super) struct Client {
    pub(super) stub: Stub,
    address: String,
    timeout_seconds: u64,
}

impl Client {
    pub(super) async fn connect(connection: &Connection) -> Result<Self, Failure> {
        let address = match connection.admin.contains("://") {
            true => connection.admin.clone(),
            false => format!("http://{}", connection.admin),
        };
        if !address.starts_with("http://") {
            return Err(wrong(format!(
                "--admin {address}: the operator's port speaks plain HTTP: write http://HOST:PORT"
            )));
        }
        // A variable that is set to nothing is not a token.
        let token = connection.token.as_ref().map(|token| token.0.trim());
        let bearer = match token.filter(|token| !token.is_empty()) {
            Some(token) => Some(
                format!("Bearer {token}")
                    .parse()
                    .map_err(|_| wrong("the token holds characters that HTTP cannot carry"))?,
            ),
            None => None,
        };
        let endpoint = Endpoint::from_shared(address.clone())
            .map_err(|error| wrong(format!("--admin {address}: {error}")))?
            .connect_timeout(CONNECT_MAX)
            .timeout(Duration::from_secs(connection.timeout_seconds))
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_ANSWER_MAX);
        let channel = endpoint.connect().await.map_err(|error| Failure::Unreachable {
            cause: root(&error),
            address: address.clone(),
        })?;
        Ok(Self {
            stub: AdminClient::with_interceptor(channel, Bearer(bearer))
                .max_decoding_message_size(ANSWER_BYTES_MAX),
            address,
            timeout_seconds: connection.timeout_seconds,
        })
    }

    /// The answer in our own terms.
    pub(super) fn read<M, T>(&self, answer: Result<Response<M>, Status>) -> Result<T, Failure>
    where
        T: TryFrom<M, Error = AdminError>,
    {
        let message = answer.map_err(|status| self.failure(&status))?.into_inner();
        understood(message)
    }

    /// What a status means: our server's word, a dead connection, or somebody else's server.
    pub(super) fn failure(&self, status: &Status) -> Failure {
        if let Some(error) = AdminError::from_status(status) {
            return Failure::Refused(error);
        }
        if matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded) {
            return Failure::Stopped(format!(
                "no answer within {} s: whether it was done shows in `interlock status`",
                self.timeout_seconds
            ));
        }
        match status.source() {
            Some(source) => Failure::Unreachable {
                address: self.address.clone(),
                cause: root(source),
            },
            None => Failure::Stopped(format!(
                "{} answered {:?} ({}): is it Interlock's operator port, and of this version?",
                self.address,
                status.code(),
                status.message()
            )),
        }
    }
}

/// A message in our own terms.
pub(super) fn understood<M, T>(message: M) -> Result<T, Failure>
where
    T: TryFrom<M, Error = AdminError>,
{
    T::try_from(message).map_err(|error| {
        let message = format!("Interlock's answer is not understood: {error}");
        Failure::Refused(AdminError::new(ErrorKind::Internal, message))
    })
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::Refused(AdminError::invalid(message.into()))
}

/// The innermost cause, which names what happened to the socket.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
