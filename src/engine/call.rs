//! What a request's head says, and which collection it is about: unmanaged ones pass, managed ones are read.

use std::borrow::Cow;
use std::collections::VecDeque;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, Uri, header};
use percent_encoding::percent_decode_str;

use crate::domain::ids::CollectionName;
use crate::domain::op::Verb;
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::route::Claims;
use crate::domain::tag::path_touches;
use crate::registry::Pinned;
use crate::upstream::{Body, Face};
use crate::wire::Lens;
use crate::wire::frame::{Compression, inflate, unframe};
use crate::wire::routes::{self, Route};
use crate::wire::scanned::Encoding;

use super::pass::{AfterPass, Unmanaged};
use super::peek::{Peeked, peek};
use super::{Engine, Settings, body, foreign};

/// Header or metadata: the models of the request's vectors, comma-separated.
pub(super) const MODEL_HEADER: &str = "embedding-model";
/// Header or metadata: `include` shows tags.
pub(super) const PROVENANCE_HEADER: &str = "embedding-provenance";
pub(super) const GRPC_ENCODING: &str = "grpc-encoding";

/// Where a request leads.
pub(super) enum Reach {
    /// To no managed collection.
    Unmanaged(Unmanaged),
    /// To a managed one, its body unread.
    Managed(Call, Pending),
}

/// A request to a managed collection.
pub(super) struct Call {
    pub face: Face,
    pub verb: Verb,
    /// The collection as the client spells it. Goes upstream like this: credentials may be scoped to the spelling.
    pub spelled: String,
    /// Its real name.
    pub collection: CollectionName,
    /// The request's head, REST's path in its canonical form.
    pub head: Parts,
}

/// A body of which a part has been read.
pub(super) struct Pending {
    pub read: VecDeque<Bytes>,
    pub rest: Body,
}

/// Finds out where a request leads, reading no more of its body than that takes.
pub(super) async fn open(
    engine: &Engine,
    table: &Pinned,
    face: Face,
    request: Request<Body>,
) -> Result<Reach, Refusal> {
    // Without a managed collection, no alias can lead to one.
    if !table.collections.is_empty() {
        engine.aliases.ensure_fresh().await?;
    }
    let (mut head, rest) = request.into_parts();
    let body = Pending {
        read: VecDeque::new(),
        rest,
    };
    match face {
        Face::Rest => {
            let path = head.uri.path().to_owned();
            let rest_head = routes::rest(&head.method, &path)?;
            set_path(&mut head, &rest_head.canonical)?;
            route(engine, table, face, head, body, rest_head.route).await
        }
        Face::Grpc => {
            let path = head.uri.path().to_owned();
            route(engine, table, face, head, body, routes::grpc(&path)).await
        }
    }
}

fn set_path(head: &mut Parts, canonical: &str) -> Result<(), Refusal> {
    if head.uri.path() == canonical && head.uri.authority().is_none() {
        return Ok(());
    }
    let target = match head.uri.query() {
        Some(query) => Cow::Owned(format!("{canonical}?{query}")),
        None => Cow::Borrowed(canonical),
    };
    head.uri = Uri::try_from(target.as_ref())
        .map_err(|_| Refusal::invalid("malformed", "the request's path cannot be understood"))?;
    Ok(())
}

async fn route(
    engine: &Engine,
    table: &Pinned,
    face: Face,
    head: Parts,
    body: Pending,
    route: Route<'_>,
) -> Result<Reach, Refusal> {
    let pass = |after, head, body| {
        Ok(Reach::Unmanaged(Unmanaged {
            face,
            head,
            body,
            after,
        }))
    };
    match route {
        Route::Unknown => Err(Refusal::new(RefusalKind::Unknown, "unknown_call", "no such call")),
        Route::Global { .. } => pass(AfterPass::Nothing, head, whole(body)),
        Route::Guarded { what } if !table.collections.is_empty() => Err(Refusal::forbidden(
            "guarded_call",
            format!(
                "{what} could read or replace vectors of managed collections: it is closed while there are any"
            ),
        )),
        Route::Guarded { .. } => pass(AfterPass::Nothing, head, whole(body)),
        Route::Aliases => {
            let collected = body::collect(body.read, body.rest, engine.settings.body_bytes_max).await?;
            let message = content(
                face,
                &head.headers,
                &collected.data,
                engine.settings.body_bytes_max,
            )?;
            engine.aliases.check_change(face, &message, table)?;
            pass(
                AfterPass::RefreshAliases,
                head,
                body::parts(vec![collected.data], collected.trailers),
            )
        }
        Route::Verb { verb, collection } => {
            let asked = Asked {
                face,
                head,
                verb: Ok(verb),
            };
            about(engine, table, asked, body, collection).await
        }
        Route::Closed { what, collection } => {
            let asked = Asked {
                face,
                head,
                verb: Err(what),
            };
            about(engine, table, asked, body, collection).await
        }
    }
}

/// A call about one collection: a verb that is open on managed ones, or the name of one that is not.
struct Asked {
    face: Face,
    head: Parts,
    verb: Result<Verb, &'static str>,
}

async fn about(
    engine: &Engine,
    table: &Pinned,
    asked: Asked,
    mut body: Pending,
    collection: Option<Cow<'_, str>>,
) -> Result<Reach, Refusal> {
    if table.collections.is_empty() {
        return Ok(asked.pass(whole(body)));
    }
    let mut watch = None;
    let spelled = match collection {
        Some(name) => name.into_owned(),
        None => match peek(&asked.head.headers, &mut body, engine.settings.body_bytes_max).await? {
            Peeked::Name(name) => name,
            Peeked::Watching(name, watching, prefix_left) => {
                watch = Some((watching, prefix_left));
                name
            }
        },
    };
    let real = engine.aliases.resolve(&spelled);
    if table.managed(real.as_str()).is_some() {
        if asked.verb == Ok(Verb::DeleteFieldIndex) {
            keeps_index(&asked, &engine.settings.reserved_key)?;
        }
        return match asked.verb {
            Ok(verb) => Ok(Reach::Managed(
                Call {
                    face: asked.face,
                    verb,
                    spelled,
                    collection: real,
                    head: asked.head,
                },
                body,
            )),
            Err(what) => Err(Refusal::forbidden(
                "closed_call",
                format!(
                    "{what} is closed on the managed collection `{real}`: it could read or change vectors past Interlock"
                ),
            )),
        };
    }
    if asked.verb.is_ok_and(foreign::can_look_up) {
        let collected = body::collect(body.read, body.rest, engine.settings.body_bytes_max).await?;
        let message = content(
            asked.face,
            &asked.head.headers,
            &collected.data,
            engine.settings.body_bytes_max,
        )?;
        foreign::check(
            engine,
            table,
            asked.face,
            asked.verb.unwrap_or(Verb::Query),
            &spelled,
            &message,
        )?;
        return Ok(asked.pass(body::parts(vec![collected.data], collected.trailers)));
    }
    Ok(match watch {
        Some((watch, prefix_left)) => {
            asked.pass(body::Watched::boxed(body.read, body.rest, watch, prefix_left))
        }
        None => asked.pass(whole(body)),
    })
}

/// REST names the index in the path, where no scan sees it. Ours must stay: filters on tags need it in strict mode.
fn keeps_index(asked: &Asked, reserved_key: &str) -> Result<(), Refusal> {
    let segment = asked.head.uri.path().rsplit('/').next().unwrap_or_default();
    let key = percent_decode_str(segment).decode_utf8_lossy();
    if asked.face == Face::Rest && path_touches(&key, reserved_key) {
        return Err(Refusal::forbidden(
            "tag_tampering",
            format!("`{key}` is an index of Interlock's own payload key: leave it"),
        ));
    }
    Ok(())
}

impl Asked {
    fn pass(self, body: Body) -> Reach {
        Reach::Unmanaged(Unmanaged {
            face: self.face,
            head: self.head,
            body,
            after: AfterPass::Nothing,
        })
    }
}

/// A body of which nothing, or everything, has been read.
fn whole(pending: Pending) -> Body {
    match pending.read.is_empty() {
        true => pending.rest,
        false => body::parts(pending.read.into(), None),
    }
}

/// A whole body's content: the gRPC message, or the JSON text.
pub(super) fn content(
    face: Face,
    headers: &HeaderMap,
    data: &Bytes,
    bytes_max: usize,
) -> Result<Bytes, Refusal> {
    match face {
        Face::Grpc => unframe(
            data,
            Compression::from_header(headers.get(GRPC_ENCODING))?,
            bytes_max,
        ),
        Face::Rest => inflate(
            data,
            Compression::from_header(headers.get(header::CONTENT_ENCODING))?,
            bytes_max,
        ),
    }
}

impl Call {
    /// The request's content: the gRPC message, or the JSON text.
    pub async fn content(&self, pending: Pending, bytes_max: usize) -> Result<Bytes, Refusal> {
        let collected = body::collect(pending.read, pending.rest, bytes_max).await?;
        content(self.face, &self.head.headers, &collected.data, bytes_max)
    }

    /// How its bodies are encoded.
    pub fn encoding(&self) -> Encoding {
        match self.face {
            Face::Grpc => Encoding::Protobuf,
            Face::Rest => Encoding::Json,
        }
    }

    /// What the client says of its model in the head.
    pub fn claims(&self) -> Result<Claims, Refusal> {
        let mut header = Vec::new();
        for value in self.head.headers.get_all(MODEL_HEADER) {
            let text = value.to_str().map_err(|_| {
                Refusal::invalid("unknown_model", "the `embedding-model` header is not plain text")
            })?;
            for model in text.split(',').map(str::trim).filter(|model| !model.is_empty()) {
                header.push(
                    model
                        .parse()
                        .map_err(|bad| Refusal::invalid("unknown_model", format!("{bad}")))?,
                );
            }
        }
        let shows_tags = self
            .head
            .headers
            .get(PROVENANCE_HEADER)
            .is_some_and(|value| value == "include");
        Ok(Claims {
            header,
            key: None,
            shows_tags,
        })
    }

    /// What its scan must look for.
    pub fn lens<'a>(&self, settings: &'a Settings, source_keys: &'a [&'a str]) -> Lens<'a> {
        Lens {
            reserved_key: &settings.reserved_key,
            source_keys,
            limits: settings.limits,
        }
    }

    /// The pinned table has no such collection: it was decided on another one.
    pub fn vanished(&self) -> Refusal {
        Refusal::invalid("not_managed", format!("`{}` is not managed", self.collection))
    }
}
