//! An endpoint that speaks OpenAI's embeddings API over HTTP: OpenAI's own, and those of TEI, vLLM, Ollama and others.
//! Called through [`super::Embedders`]. The API key comes from the environment and is never stored, logged or told.

mod answer;

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use reqwest::{Client, Response, Url};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{BadEmbedder, EmbedError, Embedder, Embedding, OpenAiSpec, Purpose};

/// Calls that one request has in flight at once, where its texts need several.
const CALLS_OF_ONE_REQUEST_MAX: usize = 2;
/// Before the first repetition; doubled for each further one.
const BACKOFF: Duration = Duration::from_millis(100);
const RETRIES_MAX: u32 = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Of a refusal's text, this much is read and told.
const REFUSAL_BYTES_MAX: usize = 4096;
const REFUSAL_CHARS_TOLD: usize = 300;

pub(super) struct OpenAi {
    client: Client,
    url: Url,
    spec: OpenAiSpec,
    /// Calls at once.
    running: Semaphore,
    /// Calls at once and waiting.
    admitted: Semaphore,
}

#[derive(Serialize)]
struct Question<'a> {
    model: &'a str,
    input: &'a [&'a str],
    encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
}

/// How one attempt ended that gave no vectors.
struct Attempt {
    error: EmbedError,
    /// Whether another attempt may succeed.
    again: bool,
}

fn bound(name: &'static str, value: u64, min: u64, max: u64) -> Result<(), BadEmbedder> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(BadEmbedder::Bound { name, min, max })
    }
}

impl OpenAi {
    pub(super) fn new(
        spec: &OpenAiSpec,
        secret: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, BadEmbedder> {
        bound("batch_max", spec.batch_max as u64, 1, 4096)?;
        bound("timeout_ms", spec.timeout_ms, 1, 600_000)?;
        bound("concurrency_max", spec.concurrency_max as u64, 1, 1024)?;
        bound("queue_max", spec.queue_max as u64, 0, 65_536)?;
        bound("retries_max", spec.retries_max.into(), 0, RETRIES_MAX.into())?;
        bound("answer_bytes_max", spec.answer_bytes_max as u64, 1024, 1 << 30)?;
        if let Some(price) = spec.price_per_million_tokens
            && (!price.is_finite() || price < 0.0)
        {
            return Err(BadEmbedder::Price);
        }
        let url = Url::parse(&spec.url).map_err(|_bad| BadEmbedder::Url(spec.url.clone()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadEmbedder::Credentials);
        }
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(BadEmbedder::Url(spec.url.clone()));
        }
        Ok(Self {
            client: client(&url, headers(spec, secret)?)?,
            url,
            running: Semaphore::new(spec.concurrency_max),
            admitted: Semaphore::new(spec.concurrency_max + spec.queue_max),
            spec: spec.clone(),
        })
    }

    /// Embeds the texts of one call, with its wait for a turn and its repetitions, in the time for it.
    async fn call(&self, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
        let Ok(_admitted) = self.admitted.try_acquire() else {
            return Err(EmbedError::Busy);
        };
        let deadline = Instant::now() + Duration::from_millis(self.spec.timeout_ms);
        match timeout_at(deadline, self.attempts(texts, deadline)).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(EmbedError::Timeout),
        }
    }

    async fn attempts(&self, texts: &[&str], deadline: Instant) -> Result<Vec<Embedding>, EmbedError> {
        let Ok(_turn) = self.running.acquire().await else {
            return Err(EmbedError::Busy);
        };
        let mut repeated = 0;
        loop {
            let Attempt { error, again } = match self.attempt(texts).await {
                Ok(vectors) => return Ok(vectors),
                Err(attempt) => attempt,
            };
            let asked = match &error {
                EmbedError::Unavailable { retry_after, .. } => *retry_after,
                EmbedError::Timeout
                | EmbedError::Busy
                | EmbedError::Rejected(_)
                | EmbedError::WrongShape { .. }
                | EmbedError::NoEmbedder => None,
            };
            let at = Instant::now() + asked.unwrap_or(BACKOFF * 2_u32.pow(repeated));
            // A wait that outlasts the call helps nobody: the caller learns when to come back.
            if !again || repeated >= self.spec.retries_max || at >= deadline {
                return Err(error);
            }
            sleep_until(at).await;
            repeated += 1;
        }
    }

    async fn attempt(&self, texts: &[&str]) -> Result<Vec<Embedding>, Attempt> {
        let question = Question {
            model: &self.spec.model,
            input: texts,
            encoding_format: "float",
            dimensions: self.spec.dimensions,
        };
        let response = self.client.post(self.url.clone()).json(&question).send().await;
        let response = response.map_err(|error| broken(&error))?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(refused(status, response).await);
        }
        let body = read(response, self.spec.answer_bytes_max).await?;
        let Some(body) = body else {
            let expected = format!("at most {} bytes", self.spec.answer_bytes_max);
            return Err(last(EmbedError::WrongShape {
                expected,
                got: "more".to_owned(),
            }));
        };
        answer::vectors(&body, texts.len()).map_err(last)
    }
}

impl Embedder for OpenAi {
    fn embed<'a>(
        &'a self,
        _purpose: Purpose,
        texts: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Embedding>, EmbedError>> {
        Box::pin(async move {
            let calls: Vec<BoxFuture<'_, _>> = texts
                .chunks(self.spec.batch_max)
                .map(|chunk| Box::pin(self.call(chunk)) as BoxFuture<'_, _>)
                .collect();
            let answers = stream::iter(calls).buffered(CALLS_OF_ONE_REQUEST_MAX);
            let answers: Vec<Vec<Embedding>> = answers.try_collect().await?;
            Ok(answers.into_iter().flatten().collect())
        })
    }
}

fn headers(spec: &OpenAiSpec, secret: &dyn Fn(&str) -> Option<String>) -> Result<HeaderMap, BadEmbedder> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(name) = &spec.api_key_env {
        let key = secret(name).filter(|key| !key.is_empty());
        let value = key.and_then(|key| HeaderValue::from_str(&format!("Bearer {key}")).ok());
        let mut value = value.ok_or_else(|| BadEmbedder::NoKey(name.clone()))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

fn client(url: &Url, headers: HeaderMap) -> Result<Client, BadEmbedder> {
    let mut builder = Client::builder()
        .default_headers(headers)
        .connect_timeout(CONNECT_TIMEOUT)
        // A redirect would take the key elsewhere.
        .redirect(reqwest::redirect::Policy::none());
    if url.scheme() == "http" {
        // Without TLS no root certificates are needed, and a machine may have none.
        builder = builder.tls_certs_only([]);
    }
    if matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
        builder = builder.no_proxy();
    }
    builder
        .build()
        .map_err(|error| BadEmbedder::Client(error.to_string()))
}

fn last(error: EmbedError) -> Attempt {
    Attempt { error, again: false }
}

/// An attempt that gave no status, or no whole answer. The endpoint's address stays here.
fn broken(error: &reqwest::Error) -> Attempt {
    let (why, again) = if error.is_connect() {
        ("no connection", true)
    } else {
        ("the connection broke", false)
    };
    Attempt {
        error: EmbedError::Unavailable {
            retry_after: None,
            why: why.to_owned(),
        },
        again,
    }
}

/// An attempt that was answered with another status than 200.
async fn refused(status: StatusCode, response: Response) -> Attempt {
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        let retry_after = response.headers().get(RETRY_AFTER);
        let seconds = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        return Attempt {
            error: EmbedError::Unavailable {
                retry_after: seconds.map(Duration::from_secs),
                why: format!("it answered with status {}", status.as_u16()),
            },
            again: true,
        };
    }
    let code = status.as_u16();
    // The text of such a refusal may repeat the key.
    if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
        return last(EmbedError::Rejected(format!("the API key (status {code})")));
    }
    let said = match read(response, REFUSAL_BYTES_MAX).await {
        Ok(Some(body)) => answer::refusal_text(&body, REFUSAL_CHARS_TOLD),
        Ok(None) | Err(_) => None,
    };
    last(EmbedError::Rejected(match said {
        Some(said) => format!("status {code}: {said}"),
        None => format!("status {code}"),
    }))
}

/// The whole body; `None` where it is longer than `bytes_max`, and then no more than that was read.
async fn read(mut response: Response, bytes_max: usize) -> Result<Option<Vec<u8>>, Attempt> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if body.len() + chunk.len() > bytes_max {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

#[cfg(test)]
mod tests;
