//! A read that Interlock makes itself: the stored texts of points whose vectors a client updates. Called by `engine`.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message as _;
use qdrant_client::qdrant::GetResponse;
use qdrant_client::qdrant::value::Kind;

use super::encode::{path_of, put_bytes, put_ids, put_message, put_number};
use super::page::point_id;
use super::refuse::bad_answer;
use crate::domain::ids::PointId;
use crate::domain::refusal::Refusal;
use crate::wire::StoredTexts;

/// Fields of `GetPoints`.
mod get {
    pub const COLLECTION: u32 = 1;
    pub const IDS: u32 = 2;
    pub const WITH_PAYLOAD: u32 = 4;
    pub const WITH_VECTORS: u32 = 5;
}

/// A `GetPoints` of these points with these top-level payload keys, and no vectors.
pub fn get_texts(collection: &str, ids: &[PointId], keys: &BTreeSet<&str>) -> Bytes {
    const INCLUDE: u32 = 2;
    let mut out = Vec::new();
    put_bytes(&mut out, get::COLLECTION, collection.as_bytes());
    put_ids(&mut out, get::IDS, ids);
    put_message(&mut out, get::WITH_PAYLOAD, |out| {
        put_message(out, INCLUDE, |out| {
            for key in keys {
                put_bytes(out, 1, path_of(key).as_bytes());
            }
        });
    });
    put_message(&mut out, get::WITH_VECTORS, |out| put_number(out, 1, 0));
    out.into()
}

/// The strings that such a retrieval answered.
///
/// # Errors
/// `bad_answer` where the answer is not a retrieval's.
pub fn texts(answer: &Bytes) -> Result<StoredTexts, Refusal> {
    let found =
        GetResponse::decode(answer.clone()).map_err(|_| bad_answer("it is no retrieval of points"))?;
    let mut texts = StoredTexts::new();
    for point in found.result {
        let strings = point
            .payload
            .into_iter()
            .filter_map(|(key, value)| match value.kind {
                Some(Kind::StringValue(text)) => Some((key, text)),
                Some(
                    Kind::NullValue(_)
                    | Kind::DoubleValue(_)
                    | Kind::IntegerValue(_)
                    | Kind::BoolValue(_)
                    | Kind::StructValue(_)
                    | Kind::ListValue(_),
                )
                | None => None,
            });
        texts.insert(point_id(point.id)?, strings.collect());
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use qdrant_client::qdrant::with_payload_selector::SelectorOptions;
    use qdrant_client::qdrant::with_vectors_selector;
    use qdrant_client::qdrant::{GetPoints, RetrievedPoint, Value};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_retrieval_asks_for_the_keys_alone() {
        let ids = [PointId::Num(7), PointId::Uuid(Uuid::from_u128(8))];
        let asked = get_texts("docs", &ids, &BTreeSet::from(["a b", "title"]));
        let asked = GetPoints::decode(asked).expect("a message");
        assert_eq!((asked.collection_name.as_str(), asked.ids.len()), ("docs", 2));
        let ids: Vec<_> = asked.ids.into_iter().map(|id| point_id(Some(id))).collect();
        assert_eq!(ids, [Ok(PointId::Num(7)), Ok(PointId::Uuid(Uuid::from_u128(8)))]);
        let payload = asked.with_payload.and_then(|selector| selector.selector_options);
        let Some(SelectorOptions::Include(include)) = payload else {
            panic!("{payload:?}")
        };
        assert_eq!(include.fields, ["\"a b\"", "title"]);
        let vectors = asked.with_vectors.and_then(|selector| selector.selector_options);
        assert_eq!(
            vectors,
            Some(with_vectors_selector::SelectorOptions::Enable(false))
        );
    }

    #[test]
    fn only_strings_are_texts() {
        let point = RetrievedPoint {
            id: Some(7_u64.into()),
            payload: [
                ("title".to_owned(), Value::from("one")),
                ("year".to_owned(), Value::from(1)),
            ]
            .into(),
            ..RetrievedPoint::default()
        };
        let answer = GetResponse {
            result: vec![point],
            ..GetResponse::default()
        };
        let found = texts(&answer.encode_to_vec().into()).expect("an answer");
        let expected = vec![("title".to_owned(), "one".to_owned())];
        assert_eq!(found, StoredTexts::from([(PointId::Num(7), expected)]));
        assert!(texts(&Bytes::from_static(b"\xff")).is_err());
    }
}
