//! The REST routes: method and path to an engine call and its answer. Pure dispatch; runs off the async threads.

use http::Method;
use qdrant_edge::{CountRequest, FacetRequest, PointId, ScrollRequest, WithPayloadInterface, WithVector};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::answers::{
    self, FacetOut, GroupsOut, InfoOut, OffsetsOut, PageOut, PairsOut, PointsOut, UpdateOut,
};
use super::groups::{MatrixBody, QueryGroupsBody};
use super::legacy::{DiscoverBody, Grouped, IntoRequest, RecommendBody, SearchBody, Searches, id_in_path};
use super::query::{QueryBatchBody, QueryBody};
use super::writes::{
    CreateIndex, DeletePayload, DeleteVectors, Operations, SetPayload, Target, UpdateVectors, Upsert,
};
use crate::embedded::collections::{AliasAction, Core};
use crate::embedded::config::CreateCollection;
use crate::embedded::errors::{ApiError, ApiResult, Kind};
use crate::embedded::schema::vector_name_fault;
use crate::embedded::writes::Write;
use crate::embedded::{COMMIT, TITLE, VERSION};

/// An answer before it is framed.
pub enum Reply {
    /// JSON to stand under `result`.
    Result(Vec<u8>),
    /// The whole body, as JSON.
    Whole(Vec<u8>),
    /// The whole body, as text.
    Text(&'static str),
    /// No such route.
    NoRoute,
}

/// A request, taken apart.
pub struct Call<'a> {
    pub core: &'a Core,
    pub method: &'a Method,
    /// The path's segments, decoded.
    pub path: &'a [&'a str],
    /// `wait` of the query string; Qdrant's default is false.
    pub wait: bool,
    pub body: &'a [u8],
}

#[derive(Deserialize)]
struct Retrieve {
    ids: Vec<PointId>,
    with_payload: Option<WithPayloadInterface>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<WithVector>,
}

#[derive(Deserialize)]
struct Aliases {
    actions: Vec<AliasAction>,
}

fn result(value: &impl serde::Serialize) -> ApiResult<Reply> {
    let bytes = serde_json::to_vec(value).map_err(|error| ApiError::service(error.to_string()))?;
    Ok(Reply::Result(bytes))
}

impl Call<'_> {
    fn json<T: DeserializeOwned>(&self) -> ApiResult<T> {
        serde_json::from_slice(self.body)
            .map_err(|error| ApiError::format(format!("Format error in JSON body: {error}")))
    }

    /// Puts the part of the body that a validation error is about in front of its field.
    fn at<T>(&self, part: &str, outcome: ApiResult<T>) -> ApiResult<T> {
        outcome.map_err(|error| {
            if error.kind != Kind::Validation {
                return error;
            }
            ApiError {
                text: error.text.replacen('[', &format!("[{part}."), 1),
                ..error
            }
        })
    }

    /// Finds the route and runs it.
    ///
    /// # Errors
    /// The engine's.
    pub fn run(&self) -> ApiResult<Reply> {
        match (self.method.as_str(), self.path) {
            ("GET", []) => {
                let whole = json!({"title": TITLE, "version": VERSION, "commit": COMMIT});
                Ok(Reply::Whole(whole.to_string().into_bytes()))
            }
            ("GET", ["healthz"]) => Ok(Reply::Text("healthz check passed")),
            ("GET", ["livez"]) => Ok(Reply::Text("healthz check passed")),
            ("GET", ["readyz"]) => Ok(Reply::Text("all shards are ready")),
            ("GET", ["collections"]) => {
                let named = |name: String| json!({ "name": name });
                result(&json!({"collections": self.core.list().into_iter().map(named).collect::<Vec<_>>()}))
            }
            ("GET", ["aliases"]) => self.aliases(self.core.aliases()),
            ("POST", ["collections", "aliases"]) => {
                result(&self.core.update_aliases(self.json::<Aliases>()?.actions)?)
            }
            (_, ["collections", name, rest @ ..]) => self.collection(name, rest),
            (
                _,
                [
                    elsewhere @ ("snapshots" | "telemetry" | "metrics" | "cluster" | "issues" | "quotas"),
                    ..,
                ],
            ) => Err(ApiError::unimplemented(elsewhere)),
            _ => Ok(Reply::NoRoute),
        }
    }

    fn aliases(&self, aliases: std::collections::BTreeMap<String, String>) -> ApiResult<Reply> {
        let alias = |(alias, name): (String, String)| json!({"alias_name": alias, "collection_name": name});
        result(&json!({"aliases": aliases.into_iter().map(alias).collect::<Vec<_>>()}))
    }

    fn collection(&self, name: &str, rest: &[&str]) -> ApiResult<Reply> {
        match (self.method.as_str(), rest) {
            ("GET", []) => {
                let (collection, info) = self.core.info(name)?;
                result(&InfoOut::new(&collection.config, &info))
            }
            ("PUT", []) => result(&self.core.create(name, self.json::<CreateCollection>()?)?),
            ("PATCH", []) => result(&self.core.update(name, self.json()?)?),
            ("DELETE", []) => result(&self.core.delete(name)?),
            ("GET", ["exists"]) => result(&json!({"exists": self.core.exists(name)})),
            ("GET", ["aliases"]) => self.aliases(self.core.aliases_of(name)),
            ("GET", ["cluster"]) => self.cluster(name),
            ("PUT", ["vectors", vector]) => {
                if let Some(fault) = vector_name_fault(vector) {
                    return Err(ApiError::in_path(format!("vector_name: {fault}")));
                }
                self.core.create_vector(name, vector, self.json()?)?;
                self.updated(0)
            }
            ("DELETE", ["vectors", vector]) => {
                self.core.delete_vector(name, vector)?;
                self.updated(0)
            }
            ("PUT", ["index"]) => self.write(name, self.json::<CreateIndex>()?.into_write()),
            ("DELETE", ["index", field]) => {
                let field = field
                    .parse()
                    .map_err(|()| ApiError::bad_input(format!("Invalid json path: \'{field}\'")))?;
                self.write(name, Write::DeleteIndex(field))
            }
            ("POST", ["facet"]) => {
                let facet = self.at(
                    "facet_request",
                    self.core.facet(name, self.json::<FacetRequest>()?),
                )?;
                result(&FacetOut::from(facet))
            }
            (_, ["points", rest @ ..]) => self.points(name, rest),
            (_, ["snapshots", ..]) => Err(ApiError::unimplemented("snapshots")),
            (_, ["shards", ..]) => Err(ApiError::unimplemented("shards")),
            (_, [other @ ("cluster" | "optimizations" | "memory")]) => Err(ApiError::unimplemented(other)),
            _ => Ok(Reply::NoRoute),
        }
    }

    /// One node, one shard, all of it here.
    fn cluster(&self, name: &str) -> ApiResult<Reply> {
        let (_, info) = self.core.info(name)?;
        let shard = json!({"shard_id": 0, "points_count": info.points_count, "state": "Active"});
        result(
            &json!({"peer_id": 0, "shard_count": 1, "local_shards": [shard], "remote_shards": [],
            "shard_transfers": []}),
        )
    }

    fn points(&self, name: &str, rest: &[&str]) -> ApiResult<Reply> {
        match (self.method.as_str(), rest) {
            ("PUT", []) => self.write(name, self.json::<Upsert>()?.into_write()?),
            ("POST", ["delete"]) => self.write(name, self.json::<Target>()?.into_delete()?),
            ("PUT", ["vectors"]) => self.write(name, self.json::<UpdateVectors>()?.into_write()?),
            ("POST", ["vectors", "delete"]) => self.write(name, self.json::<DeleteVectors>()?.into_write()?),
            ("POST", ["payload"]) => self.write(name, self.json::<SetPayload>()?.into_set()?),
            ("PUT", ["payload"]) => self.write(name, self.json::<SetPayload>()?.into_overwrite()?),
            ("POST", ["payload", "delete"]) => self.write(name, self.json::<DeletePayload>()?.into_write()?),
            ("POST", ["payload", "clear"]) => self.write(name, self.json::<Target>()?.into_clear()?),
            ("POST", ["batch"]) => {
                let operations = self.json::<Operations>()?.operations;
                let writes = operations.into_iter().map(|operation| operation.into_write());
                let numbers = self.core.write_batch(name, writes.collect::<ApiResult<_>>()?)?;
                result(
                    &numbers
                        .into_iter()
                        .map(|number| self.outcome(number))
                        .collect::<Vec<_>>(),
                )
            }
            ("POST", []) => {
                let Retrieve {
                    ids,
                    with_payload,
                    with_vector,
                } = self.json()?;
                let with_payload = with_payload.unwrap_or(WithPayloadInterface::Bool(false));
                let with_vector = with_vector.unwrap_or(WithVector::Bool(false));
                let records = self.core.retrieve(name, &ids, with_payload, with_vector)?;
                result(&answers::records(&records))
            }
            ("POST", ["scroll"]) => {
                let (records, next) = self.at(
                    "scroll_request",
                    self.core.scroll(name, self.json::<ScrollRequest>()?),
                )?;
                result(&PageOut {
                    points: answers::records(&records),
                    next_page_offset: next,
                })
            }
            ("POST", ["count"]) => {
                let count = self.core.count(name, self.json::<CountRequest>()?)?;
                result(&json!({ "count": count }))
            }
            ("POST", ["query" | "search" | "recommend" | "discover", ..]) => self.search(name, rest),
            ("GET", [id]) => {
                let record = self.core.point(name, id_in_path(id)?)?;
                result(&answers::RecordOut::from(&record))
            }
            _ => Ok(Reply::NoRoute),
        }
    }

    fn search(&self, name: &str, rest: &[&str]) -> ApiResult<Reply> {
        match rest {
            ["query"] => {
                let points = self
                    .core
                    .query(name, self.json::<QueryBody>()?.into_request("internal")?)?;
                result(&PointsOut {
                    points: answers::scored(&points),
                })
            }
            ["query", "batch"] => {
                let searches = self.json::<QueryBatchBody>()?.searches.into_iter().enumerate();
                let request = |(place, body): (usize, QueryBody)| {
                    body.into_request(&format!("searches[{place}].internal"))
                };
                let requests = searches.map(request).collect::<ApiResult<_>>()?;
                let batch = self.core.query_batch(name, requests)?;
                let wrap = |points| PointsOut {
                    points: answers::scored(points),
                };
                result(&batch.iter().map(|points| wrap(points)).collect::<Vec<_>>())
            }
            ["query", "groups"] => self.groups(name, self.json::<QueryGroupsBody>()?.into_request()?),
            ["search"] => self.legacy(name, self.json::<SearchBody>()?),
            ["recommend"] => self.legacy(name, self.json::<RecommendBody>()?),
            ["discover"] => self.legacy(name, self.json::<DiscoverBody>()?),
            ["search", "batch"] => self.legacy_batch(name, self.json::<Searches<SearchBody>>()?),
            ["recommend", "batch"] => self.legacy_batch(name, self.json::<Searches<RecommendBody>>()?),
            ["discover", "batch"] => self.legacy_batch(name, self.json::<Searches<DiscoverBody>>()?),
            ["search", "groups"] => self.groups(name, self.json::<Grouped<SearchBody>>()?.into_request()?),
            ["recommend", "groups"] => {
                self.groups(name, self.json::<Grouped<RecommendBody>>()?.into_request()?)
            }
            ["search", "matrix", form @ ("pairs" | "offsets")] => {
                let matrix = self
                    .core
                    .matrix(name, self.json::<MatrixBody>()?.into_request()?)?;
                match *form {
                    "pairs" => result(&PairsOut::from(&matrix)),
                    _ => result(&OffsetsOut::from(matrix)),
                }
            }
            _ => Ok(Reply::NoRoute),
        }
    }

    fn legacy<T: IntoRequest>(&self, name: &str, body: T) -> ApiResult<Reply> {
        let points = self.core.query(name, body.into_request(T::AT)?)?;
        result(&answers::scored(&points))
    }

    fn legacy_batch<T: IntoRequest>(&self, name: &str, bodies: Searches<T>) -> ApiResult<Reply> {
        let request = |(place, body): (usize, T)| body.into_request(&format!("searches[{place}].{}", T::AT));
        let requests = bodies
            .searches
            .into_iter()
            .enumerate()
            .map(request)
            .collect::<ApiResult<_>>()?;
        let batch = self.core.query_batch(name, requests)?;
        result(
            &batch
                .iter()
                .map(|points| answers::scored(points))
                .collect::<Vec<_>>(),
        )
    }

    fn groups(
        &self,
        name: &str,
        request: crate::embedded::query::request::GroupsRequest,
    ) -> ApiResult<Reply> {
        let groups = self.core.query_groups(name, request)?;
        result(&GroupsOut::from(&groups))
    }

    fn write(&self, name: &str, write: Write) -> ApiResult<Reply> {
        let number = self.core.write(name, write)?;
        self.updated(number)
    }

    fn updated(&self, number: u64) -> ApiResult<Reply> {
        result(&self.outcome(number))
    }

    /// Every write is applied before it is answered; without `wait` it is called what Qdrant calls it then.
    fn outcome(&self, operation_id: u64) -> UpdateOut {
        UpdateOut {
            operation_id,
            status: if self.wait { "completed" } else { "acknowledged" },
        }
    }
}
