//! Fills one page of pending points: read, embed, compare and set, claim. Pages are read in order and filled at once.
//!
//! Why no claim is ever false, whatever happens in between:
//! - a page is set under a filter of the write ids that were read, and claimed under the same filter. A write id is of
//!   one point and one write and never comes back, so if it stands at the claim, it stood when the vector was set;
//! - the claim comes last and alone. A crash before it leaves a vector that nobody vouches for: the point is pending,
//!   and is done again;
//! - the claim also demands that the vector is there: a client's write may drop what it finds unclaimed;
//! - a vector update takes the claims away, sets vectors, and claims again, in three steps. A point seen without any
//!   claim may be between them, and is left until every request of that time has answered ([`Waiting`]);
//! - neither update creates a point, so a deleted one stays deleted.

use std::collections::HashMap;
use std::sync::Arc;

use qdrant_client::qdrant::Filter;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::{
    NamedVectors, PointId as ProtoId, PointVectors, PointsSelector, SetPayloadPoints, UpdatePointVectors,
    Vectors, vectors,
};

use super::cache::Cache;
use super::candidate::{self, Candidate, Entry};
use super::conditions::FieldView;
use super::embedding::{self, Texts};
use super::making::{Maker, Meter};
use super::stamp;
use super::waiting::Waiting;
use crate::domain::ids::CollectionName;
use crate::domain::model::Model;
use crate::domain::plan::Embedding;
use crate::domain::table::{Field, Space};
use crate::domain::throttle::Spent;
use crate::embed::{EmbedFailure, Embedders};
use crate::upstream::calls::filters::{all, has_id, has_vector, is_any_of};
use crate::upstream::calls::{CallError, Calls, PageQuery, spelled};

/// Why a page was not filled. It may be tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum FillError {
    /// Qdrant.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The embedder.
    #[error(transparent)]
    Embed(#[from] EmbedFailure),
}

/// What a page is filled with.
pub(super) struct Filler<'a> {
    /// Calls to the upstream.
    pub calls: &'a Calls,
    /// Every model's embedder.
    pub embedders: &'a Embedders,
    /// Embeddings that were made lately.
    pub cache: &'a Cache,
    /// Where what the embedder was asked for is counted.
    pub meter: Arc<Meter>,
    /// The real collection.
    pub collection: &'a CollectionName,
    /// The payload key of tags.
    pub reserved_key: &'a str,
    /// The field with both spaces.
    pub field: Field,
    /// The space to fill.
    pub space: Space,
    /// The points to fill.
    pub wanted: Filter,
    /// Its model.
    pub model: Model,
    /// The model of the adopted space, where there still is one.
    pub adopted: Option<Model>,
    /// Attempts at one page.
    pub attempts_max: u32,
    /// Texts in one call of the model's endpoint; absent where it has none.
    pub batch_max: Option<usize>,
}

/// A page that was read, and is to be embedded and set.
pub(super) struct Read {
    /// Points with their write ids and the places of their texts.
    with_text: Vec<(ProtoId, String, usize)>,
    texts: Texts,
    /// Points without a source text, as Qdrant spells them.
    unsourced: Vec<String>,
}

impl Read {
    /// How many points will be set.
    pub fn points(&self) -> u64 {
        self.with_text.len() as u64
    }
}

/// What became of a page.
#[derive(Clone, Debug, Default)]
pub(super) struct Filled {
    /// Points that were set and claimed, if no client was faster.
    pub points: u64,
    /// Points without a source text, and those whose text the embedder refuses for good; as Qdrant spells them.
    pub unsourced: Vec<String>,
    /// What the embedder said of a text that it refuses.
    pub refused: Option<String>,
}

struct Ready<'v> {
    id: ProtoId,
    write_id: String,
    vector: &'v Embedding,
}

impl Filler<'_> {
    fn view(&self) -> FieldView<'_> {
        FieldView {
            reserved_key: self.reserved_key,
            field: &self.field,
        }
    }

    fn maker(&self) -> Maker<'_> {
        Maker {
            embedders: self.embedders,
            model: &self.model,
            cache: self.cache,
            batch_max: self.batch_max,
            meter: &self.meter,
        }
    }

    /// Reads a page from an id on. Returns it with the first id of the next one. Pages are read one after the other: what
    /// must wait is put aside here.
    pub async fn read(
        &self,
        from: Option<ProtoId>,
        points_max: u32,
        waiting: &mut Waiting,
    ) -> Result<(Read, Option<ProtoId>), CallError> {
        let view = self.view();
        let query = PageQuery {
            filter: self.wanted.clone(),
            from,
            points_max,
            payload_paths: candidate::paths(view),
        };
        let page = self.calls.scroll(self.collection.as_str(), query).await?;
        let candidates: Vec<_> = page
            .points
            .into_iter()
            .filter_map(|point| candidate::read(view, point))
            .collect();
        let mut texts = Texts::default();
        let mut with_text = Vec::new();
        let mut unsourced = Vec::new();
        for (candidate, write_id) in self.sort(candidates, waiting).await? {
            match candidate.text {
                Some(text) => with_text.push((candidate.id, write_id, texts.add(text))),
                None => unsourced.push(spelled(&candidate.id)),
            }
        }
        let read = Read {
            with_text,
            texts,
            unsourced,
        };
        Ok((read, page.next))
    }

    /// What [`Self::fill`] will ask of the embedder, as far as it can be told.
    pub fn estimate(&self, read: &Read) -> Spent {
        self.maker().estimate(&read.texts)
    }

    /// Embeds and sets what was read.
    pub async fn fill(&self, read: Read) -> Result<Filled, FillError> {
        let made = self.maker().make(&read.texts).await?;
        let mut filled = Filled {
            points: 0,
            unsourced: read.unsourced,
            refused: made.refused,
        };
        let mut ready = Vec::with_capacity(read.with_text.len());
        for (id, write_id, place) in read.with_text {
            match made.vectors.get(place).and_then(Option::as_deref) {
                Some(vector) => ready.push(Ready { id, write_id, vector }),
                None => filled.unsourced.push(spelled(&id)),
            }
        }
        filled.points = self.set(ready).await?;
        Ok(filled)
    }

    /// Points that may be set now, with the write id that they must still have then. The others get a tag, or wait.
    async fn sort(
        &self,
        candidates: Vec<Candidate>,
        waiting: &mut Waiting,
    ) -> Result<Vec<(Candidate, String)>, CallError> {
        let mut usable = Vec::with_capacity(candidates.len());
        let mut untagged = Vec::new();
        for candidate in candidates {
            match &candidate.entry {
                Entry::Untagged => untagged.push(candidate),
                // The server reads a point after its filter has matched it. One that claims the space by then may have
                // been written in between: it is filled only if it is found with the same write id again.
                Entry::Claimed { write_id, spaces }
                    if !waiting.holds(&candidate.id, write_id)
                        && !spaces
                            .iter()
                            .any(|space| self.space.vector.as_str() == space.as_str()) =>
                {
                    let write_id = write_id.clone();
                    usable.push((candidate, write_id));
                }
                Entry::Unclaimed(write_id) | Entry::Claimed { write_id, .. } => {
                    if waiting.released(&candidate.id, write_id) {
                        let write_id = write_id.clone();
                        usable.push((candidate, write_id));
                    } else {
                        waiting.put(&candidate.id, write_id);
                    }
                }
            }
        }
        let stamped = stamp::stamp(
            self.calls,
            self.collection,
            self.view(),
            self.adopted.as_ref(),
            &untagged,
        )
        .await?;
        for stamped in stamped {
            waiting.put(&stamped.id, &stamped.write_id);
        }
        Ok(usable)
    }

    /// Compares and sets, then claims. Points that vanish meanwhile are left out, and the rest is tried again, until
    /// the bound; what is left then stays pending for the next pass.
    async fn set(&self, mut ready: Vec<Ready<'_>>) -> Result<u64, FillError> {
        for _attempt in 0..self.attempts_max {
            if ready.is_empty() {
                return Ok(0);
            }
            match self.calls.update_vectors(self.vectors(&ready)).await {
                Ok(()) => {
                    self.calls.set_payload(self.claim(&ready)).await?;
                    return Ok(ready.len() as u64);
                }
                // The upstream says so of the first missing point that it meets, whatever the filter.
                Err(error) if error.is_not_found() => ready = self.still_there(ready).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(0)
    }

    async fn still_there<'v>(&self, ready: Vec<Ready<'v>>) -> Result<Vec<Ready<'v>>, FillError> {
        let ids = ready.iter().map(|ready| ready.id.clone()).collect();
        let paths = candidate::paths(self.view());
        let found = self.calls.get(self.collection.as_str(), ids, &paths).await?;
        let write_ids: HashMap<ProtoId, Entry> = found
            .into_iter()
            .filter_map(|point| candidate::read(self.view(), point))
            .map(|candidate| (candidate.id, candidate.entry))
            .collect();
        let same = |ready: &Ready<'_>| {
            write_ids
                .get(&ready.id)
                .and_then(Entry::write_id)
                .is_some_and(|id| id == ready.write_id)
        };
        Ok(ready.into_iter().filter(same).collect())
    }

    fn unchanged(&self, ready: &[Ready<'_>]) -> qdrant_client::qdrant::Condition {
        let write_ids = ready.iter().map(|ready| ready.write_id.clone()).collect();
        is_any_of(self.view().paths().write_id(), write_ids)
    }

    fn vectors(&self, ready: &[Ready<'_>]) -> UpdatePointVectors {
        let points = ready.iter().map(|ready| PointVectors {
            id: Some(ready.id.clone()),
            vectors: Some(Vectors {
                vectors_options: Some(vectors::VectorsOptions::Vectors(NamedVectors {
                    vectors: std::iter::once((self.space.vector.to_string(), embedding::proto(ready.vector)))
                        .collect(),
                })),
            }),
        });
        UpdatePointVectors {
            collection_name: self.collection.to_string(),
            points: points.collect(),
            update_filter: Some(all(vec![self.unchanged(ready)])),
            ..UpdatePointVectors::default()
        }
    }

    fn claim(&self, ready: &[Ready<'_>]) -> SetPayloadPoints {
        let ids = ready.iter().map(|ready| ready.id.clone()).collect();
        let filter = all(vec![
            has_id(ids),
            self.unchanged(ready),
            has_vector(self.space.vector.as_str()),
        ]);
        SetPayloadPoints {
            collection_name: self.collection.to_string(),
            payload: std::iter::once((
                self.space.vector.to_string(),
                qdrant_client::qdrant::Value::from(self.model.mark()),
            ))
            .collect(),
            points_selector: Some(PointsSelector {
                points_selector_one_of: Some(PointsSelectorOneOf::Filter(filter)),
            }),
            key: Some(format!("{}.models", self.view().paths().entry())),
            ..SetPayloadPoints::default()
        }
    }
}
