//! The JSON face: probes, metrics, and the operator's verbs under `/v1`.
//!
//! A field is `/v1/migrations/{collection}` or `/v1/migrations/{collection}/{vector}`, names percent-encoded; a vector
//! that is called like a verb is said as `?vector=`.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::api::{AdoptBody, AppointBody, CutoverBody, FlipBody, ModelList, PaceBody, StartMigration};
use super::error::{AdminError, ErrorKind};
use super::guard::{is_grpc, say};
use super::serve::Faces;
use crate::domain::ids::{CollectionName, FieldKey};
use crate::migrate::{Adopt, Audit, Order, Release, Retire, Start, Verify};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const JSON_LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");
const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// The routes of the JSON face, and the answer to what is on neither face.
pub(super) fn routes() -> Router<Faces> {
    let mut router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/v1/status", get(status))
        .route("/v1/log", get(log))
        .route("/v1/models", get(models).post(add_model))
        .route("/v1/collections/{collection}/adopt", post(adopt))
        .route("/v1/collections/{collection}/audit", post(audit))
        .route("/v1/collections/{collection}/release", post(release))
        .route("/v1/migrations", post(start));
    for field in [
        "/v1/migrations/{collection}",
        "/v1/migrations/{collection}/{vector}",
    ] {
        router = router
            .route(field, get(migration))
            .route(&format!("{field}/watch"), get(watch))
            .route(&format!("{field}/plan"), post(plan))
            .route(&format!("{field}/cutover"), post(cutover))
            .route(&format!("{field}/appoint"), post(appoint))
            .route(&format!("{field}/rehearse"), post(rehearse))
            .route(&format!("{field}/rollback"), post(rollback))
            .route(&format!("{field}/pause"), post(pause))
            .route(&format!("{field}/resume"), post(resume))
            .route(&format!("{field}/pace"), post(pace))
            .route(&format!("{field}/cancel"), post(cancel))
            .route(&format!("{field}/keep"), post(keep))
            .route(&format!("{field}/retire"), post(retire))
            .route(&format!("{field}/verify"), post(verify));
    }
    router.fallback(unknown).method_not_allowed_fallback(unknown)
}

/// A field as the path and the query say it.
struct Named(FieldKey);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AdminError> {
        let Path(mut path) = Path::<BTreeMap<String, String>>::from_request_parts(parts, state)
            .await
            .map_err(|error: PathRejection| AdminError::invalid(error.body_text()))?;
        let Query(mut query) = Query::<BTreeMap<String, String>>::from_request_parts(parts, state)
            .await
            .map_err(|error: QueryRejection| AdminError::invalid(error.body_text()))?;
        let vector = match (path.remove("vector"), query.remove("vector")) {
            (Some(_), Some(_)) => return Err(AdminError::invalid("the vector is named twice")),
            (Some(vector), None) | (None, Some(vector)) => vector,
            (None, None) => String::new(),
        };
        if let Some(key) = query.keys().next() {
            return Err(AdminError::invalid(format!(
                "the query parameter `{key}` is unknown"
            )));
        }
        Ok(Self(FieldKey {
            collection: path.remove("collection").unwrap_or_default().as_str().into(),
            field: vector.as_str().into(),
        }))
    }
}

async fn unknown(request: Request) -> Response {
    let error = AdminError::new(
        ErrorKind::NotFound,
        format!("there is no {} {} here", request.method(), request.uri().path()),
    );
    say(error, is_grpc(&request))
}

async fn healthz() -> Response {
    document(StatusCode::OK, &serde_json::json!({"status": "alive"}))
}

async fn readyz(State(faces): State<Faces>) -> Response {
    let reasons = faces.state.readiness.obstacles();
    let (status, word) = match reasons.is_empty() {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not_ready"),
    };
    document(status, &serde_json::json!({"status": word, "reasons": reasons}))
}

async fn metrics(State(faces): State<Faces>) -> Response {
    ([(CONTENT_TYPE, PROMETHEUS)], (faces.state.metrics)()).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusQuery {
    collection: Option<CollectionName>,
}

async fn status(
    State(faces): State<Faces>,
    query: Result<Query<StatusQuery>, QueryRejection>,
) -> Result<Response, AdminError> {
    let Query(StatusQuery { collection }) = query.map_err(|error| AdminError::invalid(error.body_text()))?;
    Ok(done(&faces.state.operator.status(collection).await?))
}

async fn models(State(faces): State<Faces>) -> Result<Response, AdminError> {
    let models = faces.state.operator.models().await?;
    Ok(done(&ModelList { models }))
}

async fn add_model(State(faces): State<Faces>, body: Bytes) -> Result<Response, AdminError> {
    Ok(done(&faces.state.operator.add_model(read(&body)?).await?))
}

async fn adopt(
    State(faces): State<Faces>,
    Named(FieldKey { collection, .. }): Named,
    body: Bytes,
) -> Result<Response, AdminError> {
    let AdoptBody { vectors, opaque } = read(&body)?;
    let request = Adopt {
        collection,
        vectors,
        opaque,
    };
    Ok(done(&faces.state.operator.adopt(request).await?))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditBody {
    #[serde(default)]
    drop_unproven: bool,
    #[serde(default)]
    trust_untagged: bool,
}

async fn audit(
    State(faces): State<Faces>,
    Named(FieldKey { collection, .. }): Named,
    body: Bytes,
) -> Result<Response, AdminError> {
    let AuditBody {
        drop_unproven,
        trust_untagged,
    } = match body.is_empty() {
        true => AuditBody::default(),
        false => read(&body)?,
    };
    let request = Audit {
        collection,
        drop_unproven,
        trust_untagged,
    };
    Ok(done(&faces.state.operator.audit(request).await?))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseBody {
    #[serde(default)]
    strip_tags: bool,
}

async fn release(
    State(faces): State<Faces>,
    Named(FieldKey { collection, .. }): Named,
    body: Bytes,
) -> Result<Response, AdminError> {
    let ReleaseBody { strip_tags } = match body.is_empty() {
        true => ReleaseBody::default(),
        false => read(&body)?,
    };
    let request = Release {
        collection,
        strip_tags,
    };
    Ok(done(&faces.state.operator.release(request).await?))
}

async fn start(State(faces): State<Faces>, body: Bytes) -> Result<Response, AdminError> {
    let request: StartMigration = read(&body)?;
    let ask = Start {
        points_per_second: request.points_per_second,
        standby: request.standby,
        to: request.to.clone(),
    };
    Ok(done(&faces.state.operator.start(request.key(), ask).await?))
}

async fn migration(State(faces): State<Faces>, Named(key): Named) -> Result<Response, AdminError> {
    Ok(done(&faces.state.operator.migration(key).await?))
}

async fn plan(State(faces): State<Faces>, Named(key): Named, body: Bytes) -> Result<Response, AdminError> {
    Ok(done(&faces.state.operator.plan(key, read(&body)?).await?))
}

async fn cutover(State(faces): State<Faces>, Named(key): Named, body: Bytes) -> Result<Response, AdminError> {
    let CutoverBody { to, force } = read(&body)?;
    let operator = &faces.state.operator;
    Ok(match force {
        Some(why) => done(&operator.force_cutover(key, to, why).await?),
        None => done(&operator.cutover(key, to).await?),
    })
}

async fn appoint(State(faces): State<Faces>, Named(key): Named, body: Bytes) -> Result<Response, AdminError> {
    let AppointBody { to, when } = read(&body)?;
    Ok(done(&faces.state.operator.appoint(key, to, when).await?))
}

async fn rehearse(
    State(faces): State<Faces>,
    Named(key): Named,
    body: Bytes,
) -> Result<Response, AdminError> {
    Ok(done(&faces.state.operator.rehearse(key, read(&body)?).await?))
}

async fn rollback(
    State(faces): State<Faces>,
    Named(key): Named,
    body: Bytes,
) -> Result<Response, AdminError> {
    let FlipBody { to } = read(&body)?;
    Ok(done(&faces.state.operator.rollback(key, to).await?))
}

async fn pace(State(faces): State<Faces>, Named(key): Named, body: Bytes) -> Result<Response, AdminError> {
    let PaceBody { points_per_second } = read(&body)?;
    Ok(done(&faces.state.operator.pace(key, points_per_second).await?))
}

async fn pause(faces: State<Faces>, key: Named) -> Result<Response, AdminError> {
    order(faces, key, Order::Pause).await
}

async fn resume(faces: State<Faces>, key: Named) -> Result<Response, AdminError> {
    order(faces, key, Order::Resume).await
}

async fn cancel(faces: State<Faces>, key: Named) -> Result<Response, AdminError> {
    order(faces, key, Order::Cancel).await
}

async fn keep(faces: State<Faces>, key: Named) -> Result<Response, AdminError> {
    order(faces, key, Order::Keep).await
}

async fn order(State(faces): State<Faces>, Named(key): Named, order: Order) -> Result<Response, AdminError> {
    Ok(done(&faces.state.operator.order(key, order).await?))
}

async fn retire(State(faces): State<Faces>, Named(key): Named, body: Bytes) -> Result<Response, AdminError> {
    let ask: Retire = read(&body)?;
    Ok(done(&faces.state.operator.retire(key, ask).await?))
}

async fn verify(State(faces): State<Faces>, Named(key): Named, body: Bytes) -> Result<Response, AdminError> {
    let ask = match body.is_empty() {
        true => Verify::default(),
        false => read(&body)?,
    };
    Ok(done(&faces.state.operator.verify(key, ask).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    #[serde(default = "LogQuery::default_lines")]
    lines: usize,
}

impl LogQuery {
    fn default_lines() -> usize {
        100
    }
}

/// One document a line, oldest first.
async fn log(
    State(faces): State<Faces>,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Response, AdminError> {
    let Query(LogQuery { lines }) = query.map_err(|error| AdminError::invalid(error.body_text()))?;
    let lines = faces.state.operator.log(lines).await?;
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    Ok(([(CONTENT_TYPE, JSON_LINES)], text).into_response())
}

/// One document a line; the last one is an error where the stream ends before the migration.
async fn watch(State(faces): State<Faces>, Named(key): Named) -> Result<Response, AdminError> {
    let lines = faces.watch(key).await?.map(|item| {
        let line = match item {
            Ok(migration) => serde_json::to_vec(&migration),
            Err(error) => serde_json::to_vec(&error.document()),
        };
        line.map(|mut line| {
            line.push(b'\n');
            Bytes::from(line)
        })
    });
    let headers = [
        (CONTENT_TYPE, JSON_LINES),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, AdminError> {
    serde_json::from_slice(body)
        .map_err(|error| AdminError::invalid(format!("the body is not understood: {error}")))
}

fn done(value: &impl Serialize) -> Response {
    document(StatusCode::OK, value)
}

fn document(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => (status, [(CONTENT_TYPE, JSON)], body).into_response(),
        Err(error) => AdminError::new(
            ErrorKind::Internal,
            format!("the answer cannot be written: {error}"),
        )
        .into_response(),
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let body = self.document().to_string();
        (self.kind.status(), [(CONTENT_TYPE, JSON)], body).into_response()
    }
}
