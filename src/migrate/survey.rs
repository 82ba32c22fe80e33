//! What a collection holds beside a space that goes: counted, and digested over every point's id and write id.

use super::candidate::{string, structure};
use super::error::ControlError;
use super::inner::Inner;
use crate::domain::phase::{Migration, Survey};
use crate::domain::table::Space;
use crate::upstream::calls::filters::{all, has_vector};
use crate::upstream::calls::{PageQuery, spelled};

/// Points in one page: nothing but write ids is read.
const PAGE_POINTS: u32 = 1_000;

impl Inner {
    /// Looks at every point.
    pub(super) async fn survey(&self, migration: &Migration, stays: &Space) -> Result<Survey, ControlError> {
        let collection = migration.key.collection.as_str();
        let field = self.field_of(migration)?;
        let view = self.view(&field);
        let held = all(vec![has_vector(stays.vector.as_str())]);
        let mut survey = Survey {
            vectors: self.calls.count(collection, held).await?,
            ..Survey::default()
        };
        let mut chain = blake3::hash(b"");
        let mut from = None;
        loop {
            let query = PageQuery {
                from,
                points_max: PAGE_POINTS,
                payload_paths: vec![view.paths().write_id()],
                ..PageQuery::default()
            };
            let page = self.calls.scroll(collection, query).await?;
            for point in page.points {
                let entry = structure(point.payload.get(view.reserved_key))
                    .and_then(|tag| structure(tag.fields.get(view.field.name.as_str())));
                let write_id = entry.and_then(|entry| string(entry.fields.get("write_id")));
                let id = point.id.as_ref().map(spelled).unwrap_or_default();
                survey.points += 1;
                let mut hasher = blake3::Hasher::new();
                hasher.update(chain.as_bytes());
                for part in [id.as_str(), write_id.unwrap_or_default()] {
                    hasher.update(part.as_bytes());
                    hasher.update(&[0]);
                }
                chain = hasher.finalize();
                if write_id > survey.newest.as_deref() {
                    survey.newest = write_id.map(str::to_owned);
                }
            }
            from = page.next;
            if from.is_none() {
                survey.digest = chain.to_hex().to_string();
                return Ok(survey);
            }
        }
    }
}
