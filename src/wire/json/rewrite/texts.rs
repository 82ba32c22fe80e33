//! A read that Interlock makes itself: the stored texts of points whose vectors a client updates. Called by `engine`.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::super::errors::bad_answer;
use super::super::strings;
use super::values;
use crate::domain::ids::PointId;
use crate::domain::refusal::Refusal;
use crate::wire::StoredTexts;

/// The body of a retrieval of these points with these top-level payload keys, and no vectors.
pub fn get_texts(ids: &[PointId], keys: &BTreeSet<&str>) -> Bytes {
    let paths: Vec<String> = keys.iter().map(|key| values::path_of(key)).collect();
    let paths = strings::quote_list(paths.iter().map(String::as_str));
    let ids = values::ids(ids);
    format!("{{\"ids\":{ids},\"with_payload\":{paths},\"with_vector\":false}}").into()
}

#[derive(Deserialize)]
struct Answer {
    result: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    id: Id,
    #[serde(default)]
    payload: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Num(u64),
    Uuid(Uuid),
}

/// The strings that such a retrieval answered.
///
/// # Errors
/// `bad_answer` where the answer is not a retrieval's.
pub fn texts(answer: &Bytes) -> Result<StoredTexts, Refusal> {
    let found: Answer = serde_json::from_slice(answer).map_err(bad_answer)?;
    let strings = |record: Record| {
        let id = match record.id {
            Id::Num(number) => PointId::Num(number),
            Id::Uuid(uuid) => PointId::Uuid(uuid),
        };
        let members = record.payload.into_iter().flatten();
        let texts = members.filter_map(|(key, value)| match value {
            Value::String(text) => Some((key, text)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        });
        (id, texts.collect())
    };
    Ok(found.result.into_iter().map(strings).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_retrieval_asks_for_the_keys_alone() {
        let ids = [PointId::Num(7), PointId::Uuid(Uuid::from_u128(8))];
        let asked = get_texts(&ids, &BTreeSet::from(["a b", "title"]));
        let asked: Value = serde_json::from_slice(&asked).expect("JSON");
        let expected = json!({
            "ids": [7, "00000000-0000-0000-0000-000000000008"],
            "with_payload": ["\"a b\"", "title"],
            "with_vector": false,
        });
        assert_eq!(asked, expected);
    }

    #[test]
    fn only_strings_are_texts() {
        let uuid = Uuid::from_u128(8);
        let answer = json!({"result": [
            {"id": 7, "payload": {"title": "one", "year": 1, "a": {"title": "no"}}, "vector": null},
            {"id": uuid.to_string(), "payload": null},
        ], "status": "ok", "time": 0.1});
        let found = texts(&Bytes::from(answer.to_string())).expect("an answer");
        let one = vec![("title".to_owned(), "one".to_owned())];
        assert_eq!(
            found,
            StoredTexts::from([(PointId::Num(7), one), (PointId::Uuid(uuid), Vec::new())])
        );
        assert!(texts(&Bytes::from_static(b"{\"result\":true}")).is_err());
    }
}
