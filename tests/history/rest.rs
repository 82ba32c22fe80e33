//! Requests in Qdrant's REST API.

use bytes::Bytes;
use http::{Method, Request as HttpRequest};
use http_body_util::{BodyExt, Full};
use interlock::upstream::Body as HttpBody;
use serde_json::{Map, Value as Json, json};

use super::answer::{Answer, Hit, Record};
use super::request::{
    Body, Condition, Given, MODELS, POINTS, Point, Query, Read, Request, Said, Selector, Value, Where, Write,
};

/// A request as it goes to a collection's field.
pub fn encode(request: &Request, collection: &str, field: &str) -> HttpRequest<HttpBody> {
    let (method, path, body) = match &request.body {
        Body::Writes(writes) => match writes.as_slice() {
            [one] => single(one, request, field),
            several => {
                let operations = several.iter().map(|write| {
                    let (_, _, body) = single(write, request, field);
                    json!({ name(write): body })
                });
                let operations: Vec<Json> = operations.collect();
                (Method::POST, "/points/batch", json!({ "operations": operations }))
            }
        },
        Body::Read(read) => self::read(read, request, field),
    };
    let is_write = matches!(request.body, Body::Writes(_));
    let wait = if is_write { "?wait=true" } else { "" };
    let mut builder = HttpRequest::builder()
        .method(method)
        .uri(format!("/collections/{collection}{path}{wait}"))
        .header("content-type", "application/json")
        .header("host", "interlock");
    if let Said::Header(model) = request.said {
        builder = builder.header("embedding-model", MODELS[model]);
    }
    let body = Full::new(Bytes::from(body.to_string())).map_err(|never| match never {});
    builder.body(body.boxed_unsync()).unwrap()
}

fn name(write: &Write) -> &'static str {
    match write {
        Write::Upsert(..) => "upsert",
        Write::Vectors(..) => "update_vectors",
        Write::DeleteVectors(_) => "delete_vectors",
        Write::Delete(_) => "delete",
        Write::Set(..) => "set_payload",
        Write::Overwrite(..) => "overwrite_payload",
        Write::DeleteKeys(..) => "delete_payload",
        Write::Clear(_) => "clear_payload",
    }
}

fn single(write: &Write, request: &Request, field: &str) -> (Method, &'static str, Json) {
    match write {
        Write::Upsert(points, condition) => {
            let points: Vec<Json> = points.iter().map(|p| point(p, request, field, true)).collect();
            let mut body = json!({ "points": points });
            match condition {
                Condition::Always => {}
                Condition::InsertOnly => body["update_mode"] = json!("insert_only"),
                Condition::UpdateOnly => body["update_mode"] = json!("update_only"),
                Condition::Where(place) => body["update_filter"] = filter(place),
            }
            (Method::PUT, "/points", body)
        }
        Write::Vectors(points, condition) => {
            let points: Vec<Json> = points.iter().map(|p| point(p, request, field, false)).collect();
            let mut body = json!({ "points": points });
            if let Some(place) = condition {
                body["update_filter"] = filter(place);
            }
            (Method::PUT, "/points/vectors", body)
        }
        Write::DeleteVectors(selector) => {
            let body = selected(selector, json!({ "vector": [field] }));
            (Method::POST, "/points/vectors/delete", body)
        }
        Write::Delete(selector) => (Method::POST, "/points/delete", selected(selector, json!({}))),
        Write::Set(payload, selector) => {
            let body = selected(selector, json!({ "payload": payload }));
            (Method::POST, "/points/payload", body)
        }
        Write::Overwrite(payload, selector) => {
            let body = selected(selector, json!({ "payload": payload }));
            (Method::PUT, "/points/payload", body)
        }
        Write::DeleteKeys(keys, selector) => {
            let body = selected(selector, json!({ "keys": keys }));
            (Method::POST, "/points/payload/delete", body)
        }
        Write::Clear(selector) => (
            Method::POST,
            "/points/payload/clear",
            selected(selector, json!({})),
        ),
    }
}

fn selected(selector: &Selector, mut body: Json) -> Json {
    match selector {
        Selector::Ids(ids) => body["points"] = json!(ids),
        Selector::Filter(place) => body["filter"] = filter(place),
    }
    body
}

fn filter(place: &Where) -> Json {
    match place {
        Where::Ids(ids) => json!({ "must": [{ "has_id": ids }] }),
        Where::Group(group) => {
            json!({ "must": [{ "key": "group", "match": { "value": format!("g{group}") } }] })
        }
    }
}

fn value(given: &Given, request: &Request) -> Json {
    match (&given.value, request.said) {
        (Value::Raw(raw), _) => json!(raw),
        (Value::Text(text), Said::Nothing) => json!({ "text": text, "model": "auto" }),
        (Value::Text(text), Said::Header(model) | Said::Using(model)) => {
            json!({ "text": text, "model": MODELS[model] })
        }
    }
}

fn point(point: &Point, request: &Request, field: &str, with_payload: bool) -> Json {
    let vector = match point.given.as_slice() {
        [one] if one.named.is_none() && field.is_empty() => value(one, request),
        several => {
            let named = several.iter().map(|given| {
                let name = match given.named {
                    Some(model) => format!("{field}@{}", MODELS[model]),
                    None => field.to_owned(),
                };
                (name, value(given, request))
            });
            Json::Object(named.collect::<Map<String, Json>>())
        }
    };
    match with_payload {
        true => json!({ "id": point.id, "vector": vector, "payload": point.payload }),
        false => json!({ "id": point.id, "vector": vector }),
    }
}

fn read(read: &Read, request: &Request, field: &str) -> (Method, &'static str, Json) {
    match read {
        Read::Nearest(query) => {
            let query = match query {
                Query::Raw(raw) => json!(raw),
                Query::Id(id) => json!(id),
                Query::Text(text) => json!({ "text": text, "model": model_of(request.said) }),
            };
            let mut body = json!({
                "query": query, "limit": POINTS * 2, "with_payload": true, "params": { "exact": true }
            });
            match request.said {
                Said::Using(model) => body["using"] = json!(format!("{field}@{}", MODELS[model])),
                Said::Nothing | Said::Header(_) if field.is_empty() => {}
                Said::Nothing | Said::Header(_) => body["using"] = json!(field),
            }
            (Method::POST, "/points/query", body)
        }
        Read::Get(ids) => {
            let body = json!({ "ids": ids, "with_payload": true, "with_vector": true });
            (Method::POST, "/points", body)
        }
        Read::Scroll => {
            let body = json!({ "limit": POINTS * 2, "with_payload": true, "with_vector": true });
            (Method::POST, "/points/scroll", body)
        }
    }
}

/// The model that a query's text names.
pub fn model_of(said: Said) -> &'static str {
    match said {
        Said::Nothing => "auto",
        Said::Header(model) | Said::Using(model) => MODELS[model],
    }
}

/// What came back on success.
pub fn decode(request: &Request, field: &str, data: &[u8]) -> Answer {
    let json: Json = serde_json::from_slice(data).unwrap();
    let list = |value: &Json| value.as_array().unwrap().clone();
    match &request.body {
        Body::Writes(_) => Answer::Written,
        Body::Read(Read::Nearest(_)) => {
            let hit = |hit: Json| Hit {
                score: hit["score"].as_f64().unwrap() as f32,
                record: record(&hit, field),
            };
            Answer::Hits(list(&json["result"]["points"]).into_iter().map(hit).collect())
        }
        Body::Read(Read::Get(_)) => {
            Answer::Records(list(&json["result"]).iter().map(|r| record(r, field)).collect())
        }
        Body::Read(Read::Scroll) => {
            let points = list(&json["result"]["points"]);
            Answer::Records(points.iter().map(|r| record(r, field)).collect())
        }
    }
}

fn record(json: &Json, field: &str) -> Record {
    let floats = |value: &Json| {
        let component = |component: &Json| component.as_f64().unwrap() as f32;
        value.as_array().map(|all| all.iter().map(component).collect())
    };
    let payload = json["payload"].as_object().cloned().unwrap_or_default();
    let mut extra = Vec::new();
    if let Some(vectors) = json["vector"].as_object() {
        extra.extend(vectors.keys().filter(|name| *name != field).cloned());
    }
    Record {
        id: json["id"].as_u64().unwrap(),
        payload,
        vector: floats(&json["vector"]).or_else(|| floats(&json["vector"][field])),
        extra,
    }
}
