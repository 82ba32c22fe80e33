//! Calls about points: pages, counts, and writes that wait until they are applied.

use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::with_payload_selector::SelectorOptions;
use qdrant_client::qdrant::{
    CountPoints, CountResponse, Filter, GetPoints, GetResponse, PayloadIncludeSelector, PointId as ProtoId,
    PointsOperationResponse, PointsUpdateOperation, QueryPoints, QueryResponse, RetrievedPoint, ScoredPoint,
    ScrollPoints, ScrollResponse, SetPayloadPoints, UpdateBatchPoints, UpdateBatchResponse,
    UpdatePointVectors, UpdateResult, UpdateStatus, VectorsSelector, WithPayloadSelector,
    WithVectorsSelector, with_vectors_selector,
};
use uuid::Uuid;

use super::{CallError, Calls};
use crate::domain::ids::PointId;

/// A page of points, in the order of ids.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The points.
    pub points: Vec<RetrievedPoint>,
    /// Where the next page starts; absent after the last.
    pub next: Option<ProtoId>,
}

/// What a page holds.
#[derive(Clone, Debug, Default)]
pub struct PageQuery {
    /// Which points.
    pub filter: Filter,
    /// From this id on.
    pub from: Option<ProtoId>,
    /// How many at most.
    pub points_max: u32,
    /// JSON paths of the payload that come along.
    pub payload_paths: Vec<String>,
}

fn with_payload(paths: &[String]) -> Option<WithPayloadSelector> {
    let options = match paths {
        [] => SelectorOptions::Enable(false),
        paths => SelectorOptions::Include(PayloadIncludeSelector {
            fields: paths.to_vec(),
        }),
    };
    Some(WithPayloadSelector {
        selector_options: Some(options),
    })
}

fn without_vectors() -> Option<WithVectorsSelector> {
    Some(WithVectorsSelector {
        selector_options: Some(with_vectors_selector::SelectorOptions::Enable(false)),
    })
}

/// Whether every one of these writes is applied.
pub(super) fn applied(results: &[UpdateResult]) -> Result<(), CallError> {
    if results.is_empty() {
        return Err(CallError::Broken("a write has no status".to_owned()));
    }
    for result in results {
        match result.status() {
            UpdateStatus::Completed => {}
            UpdateStatus::Acknowledged | UpdateStatus::WaitTimeout => return Err(CallError::NotApplied),
            UpdateStatus::UnknownUpdateStatus | UpdateStatus::ClockRejected => {
                return Err(CallError::Broken(format!("write status {}", result.status)));
            }
        }
    }
    Ok(())
}

impl Calls {
    /// One page, without vectors.
    pub async fn scroll(&self, collection: &str, query: PageQuery) -> Result<Page, CallError> {
        let ask = ScrollPoints {
            collection_name: collection.to_owned(),
            filter: Some(query.filter),
            offset: query.from,
            limit: Some(query.points_max),
            with_payload: with_payload(&query.payload_paths),
            with_vectors: without_vectors(),
            ..ScrollPoints::default()
        };
        let answer: ScrollResponse = self.unary("/qdrant.Points/Scroll", &ask).await?;
        Ok(Page {
            points: answer.result,
            next: answer.next_page_offset,
        })
    }

    /// One page of all points with all their vectors, and of their payload one path.
    pub async fn scroll_whole(
        &self,
        collection: &str,
        from: Option<ProtoId>,
        points_max: u32,
        payload_path: &str,
    ) -> Result<Page, CallError> {
        let ask = ScrollPoints {
            collection_name: collection.to_owned(),
            offset: from,
            limit: Some(points_max),
            with_payload: with_payload(&[payload_path.to_owned()]),
            with_vectors: Some(WithVectorsSelector {
                selector_options: Some(with_vectors_selector::SelectorOptions::Enable(true)),
            }),
            ..ScrollPoints::default()
        };
        let answer: ScrollResponse = self.unary("/qdrant.Points/Scroll", &ask).await?;
        Ok(Page {
            points: answer.result,
            next: answer.next_page_offset,
        })
    }

    /// Those of `ids` that exist, without vectors.
    pub async fn get(
        &self,
        collection: &str,
        ids: Vec<ProtoId>,
        payload_paths: &[String],
    ) -> Result<Vec<RetrievedPoint>, CallError> {
        let ask = GetPoints {
            collection_name: collection.to_owned(),
            ids,
            with_payload: with_payload(payload_paths),
            with_vectors: without_vectors(),
            ..GetPoints::default()
        };
        let answer: GetResponse = self.unary("/qdrant.Points/Get", &ask).await?;
        Ok(answer.result)
    }

    /// Those of `ids` that exist, with these vectors.
    pub async fn get_vectors(
        &self,
        collection: &str,
        ids: Vec<ProtoId>,
        payload_paths: &[String],
        vectors: Vec<String>,
    ) -> Result<Vec<RetrievedPoint>, CallError> {
        let names = with_vectors_selector::SelectorOptions::Include(VectorsSelector { names: vectors });
        let ask = GetPoints {
            collection_name: collection.to_owned(),
            ids,
            with_payload: with_payload(payload_paths),
            with_vectors: Some(WithVectorsSelector {
                selector_options: Some(names),
            }),
            ..GetPoints::default()
        };
        let answer: GetResponse = self.unary("/qdrant.Points/Get", &ask).await?;
        Ok(answer.result)
    }

    /// How many points match, exactly.
    pub async fn count(&self, collection: &str, filter: Filter) -> Result<u64, CallError> {
        let ask = CountPoints {
            collection_name: collection.to_owned(),
            filter: Some(filter),
            exact: Some(true),
            ..CountPoints::default()
        };
        let answer: CountResponse = self.unary("/qdrant.Points/Count", &ask).await?;
        match answer.result {
            Some(result) => Ok(result.count),
            None => Err(CallError::Broken("the count is empty".to_owned())),
        }
    }

    /// Operations in order; the first error ends it, and what came before stays.
    pub async fn update_batch(
        &self,
        collection: &str,
        operations: Vec<PointsUpdateOperation>,
    ) -> Result<(), CallError> {
        let ask = UpdateBatchPoints {
            collection_name: collection.to_owned(),
            wait: Some(true),
            operations,
            ..UpdateBatchPoints::default()
        };
        let answer: UpdateBatchResponse = self.unary("/qdrant.Points/UpdateBatch", &ask).await?;
        applied(&answer.result)
    }

    /// Sets vectors of existing points. Returns once they are applied; `wait` is set here.
    pub async fn update_vectors(&self, mut ask: UpdatePointVectors) -> Result<(), CallError> {
        ask.wait = Some(true);
        let answer: PointsOperationResponse = self.unary("/qdrant.Points/UpdateVectors", &ask).await?;
        applied(answer.result.as_slice())
    }

    /// Sets payload keys. Returns once they are applied; `wait` is set here.
    pub async fn set_payload(&self, mut ask: SetPayloadPoints) -> Result<(), CallError> {
        ask.wait = Some(true);
        let answer: PointsOperationResponse = self.unary("/qdrant.Points/SetPayload", &ask).await?;
        applied(answer.result.as_slice())
    }

    /// A query.
    pub async fn query(&self, ask: &QueryPoints) -> Result<Vec<ScoredPoint>, CallError> {
        let answer: QueryResponse = self.unary("/qdrant.Points/Query", ask).await?;
        Ok(answer.result)
    }
}

/// An id as Qdrant prints it.
pub fn spelled(id: &ProtoId) -> String {
    match &id.point_id_options {
        Some(PointIdOptions::Num(number)) => number.to_string(),
        Some(PointIdOptions::Uuid(uuid)) => uuid.clone(),
        None => String::new(),
    }
}

/// An id in its normal form; `None` where it is empty or no UUID.
pub fn typed_id(id: &ProtoId) -> Option<PointId> {
    match id.point_id_options.as_ref()? {
        PointIdOptions::Num(number) => Some(PointId::Num(*number)),
        PointIdOptions::Uuid(text) => Uuid::try_parse(text).ok().map(PointId::Uuid),
    }
}

/// An id on its way out.
pub fn proto_id(id: &PointId) -> ProtoId {
    let options = match id {
        PointId::Num(number) => PointIdOptions::Num(*number),
        PointId::Uuid(uuid) => PointIdOptions::Uuid(uuid.to_string()),
    };
    ProtoId {
        point_id_options: Some(options),
    }
}

/// The inverse of [`spelled`].
pub fn parse_id(text: &str) -> Option<ProtoId> {
    let id = match text.parse() {
        Ok(number) => PointId::Num(number),
        Err(_) => PointId::Uuid(Uuid::try_parse(text).ok()?),
    };
    Some(proto_id(&id))
}
