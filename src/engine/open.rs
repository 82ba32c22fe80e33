//! Where a request leads: its head is looked up in the table of routes, its collection in the table of managed ones.
//! Unmanaged ones pass, managed ones are read, and what could get past Interlock is refused.

use std::borrow::Cow;
use std::collections::VecDeque;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Uri, header};
use percent_encoding::percent_decode_str;

use crate::domain::ids::CollectionName;
use crate::domain::op::Verb;
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::schema::SchemaCall;
use crate::domain::tag::path_touches;
use crate::registry::Pinned;
use crate::upstream::{Body, Face};
use crate::wire::frame::too_large;
use crate::wire::routes::{self, Closed, Row, Treatment};
use crate::wire::unary::UnaryWatch;

use super::call::{Call, Pending, Reach, api_key, content};
use super::change::{ChangeCall, Changed};
use super::pass::Unmanaged;
use super::peek::{Peeked, peek};
use super::turns::Turn;
use super::{Engine, body, foreign};

/// Of `/collections/{name}/vectors/{vector}`, the part before the first slash counted.
const VECTOR_SEGMENT: usize = 4;

/// A request on its way to a decision.
struct Asked {
    face: Face,
    head: Parts,
    row: &'static Row,
    /// REST: the collection in the path.
    in_path: Option<String>,
    body: Pending,
    /// What follows the collection's name must not name another one.
    watch: Option<UnaryWatch>,
}

/// Finds out where a request leads, reading no more of its body than that takes.
pub(super) async fn open(
    engine: &Engine,
    table: &Pinned,
    face: Face,
    request: Request<Body>,
) -> Result<Reach, Refusal> {
    let (mut head, rest) = request.into_parts();
    let (row, in_path) = match face {
        Face::Grpc => (routes::grpc(head.uri.path()), None),
        Face::Rest => {
            let path = head.uri.path().to_owned();
            let read = routes::rest(&head.method, &path)?;
            set_path(&mut head, &read.canonical)?;
            (read.row, read.collection.map(Cow::into_owned))
        }
    };
    let asked = Asked {
        face,
        head,
        row,
        in_path,
        body: Pending {
            read: VecDeque::new(),
            rest,
        },
        watch: None,
    };
    asked.place(engine, table).await
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

impl Asked {
    async fn place(self, engine: &Engine, table: &Pinned) -> Result<Reach, Refusal> {
        match self.row.treatment {
            Treatment::Refused(why) => Err(Refusal::new(RefusalKind::Unknown, "unknown_call", why)),
            Treatment::Passed => Ok(self.pass(Vec::new())),
            // While Interlock knows no model, there is nothing to protect.
            Treatment::Aliases | Treatment::Schema(_)
                if table.models.is_empty() && table.collections.is_empty() =>
            {
                Ok(self.pass(Vec::new()))
            }
            Treatment::Aliases => self.change(engine, Changed::Aliases).await,
            Treatment::Schema(call) => self.schema(engine, call).await,
            Treatment::Scanned(_) | Treatment::Closed(_) if table.collections.is_empty() => {
                Ok(self.pass(Vec::new()))
            }
            Treatment::Scanned(verb) => self.scanned(engine, table, verb).await,
            Treatment::Closed(closed) => self.closed(engine, table, closed).await,
        }
    }

    async fn scanned(mut self, engine: &Engine, table: &Pinned, verb: Verb) -> Result<Reach, Refusal> {
        let spelled = self.collection(engine).await?;
        let (names, turn) = engine.named(&spelled, table).await?;
        let turns: Vec<_> = turn.into_iter().collect();
        let real = names.resolve(&spelled);
        if table.managed(real.as_str()).is_some() {
            let bytes_max = engine.settings.body_bytes_max;
            if self.watch.as_ref().is_some_and(|watch| watch.left() > bytes_max) {
                return Err(too_large(bytes_max));
            }
            if verb == Verb::DeleteFieldIndex {
                self.keeps_index(&engine.settings.reserved_key)?;
            }
            let call = Call {
                face: self.face,
                verb,
                spelled,
                collection: real,
                head: self.head,
                names,
                turns,
            };
            return Ok(Reach::Managed(call, self.body));
        }
        if foreign::can_look_up(verb) {
            let message = self.read_whole(engine).await?;
            foreign::check(engine, (table, &names), self.face, verb, &spelled, &message)?;
        }
        Ok(self.pass(turns))
    }

    /// A change of a collection or its vectors, its body read whole.
    async fn schema(mut self, engine: &Engine, call: SchemaCall) -> Result<Reach, Refusal> {
        let spelled = self.collection(engine).await?;
        let segment = self.head.uri.path().split('/').nth(VECTOR_SEGMENT);
        let vector = match (self.face, call) {
            (Face::Rest, SchemaCall::CreateVectorName | SchemaCall::DeleteVectorName) => {
                segment.map(|name| percent_decode_str(name).decode_utf8_lossy().into_owned())
            }
            (Face::Grpc, _)
            | (
                Face::Rest,
                SchemaCall::CreateCollection | SchemaCall::UpdateCollection | SchemaCall::DeleteCollection,
            ) => None,
        };
        let what = Changed::Schema {
            call,
            spelled,
            vector,
        };
        self.change(engine, what).await
    }

    async fn change(mut self, engine: &Engine, what: Changed) -> Result<Reach, Refusal> {
        let message = self.read_whole(engine).await?;
        Ok(Reach::Change(ChangeCall {
            face: self.face,
            head: self.head,
            body: self.body.rest,
            message,
            what,
        }))
    }

    async fn closed(mut self, engine: &Engine, table: &Pinned, closed: Closed) -> Result<Reach, Refusal> {
        let key = api_key(&self.head.headers);
        let is_open = closed
            .group
            .is_some_and(|group| engine.settings.access.opens(group, key));
        if closed.reach == routes::Reach::Any && !is_open {
            return Err(guarded(self.row, closed));
        }
        if closed.reach == routes::Reach::Any && self.in_path.is_none() {
            return Ok(self.pass(Vec::new()));
        }
        let spelled = self.collection(engine).await?;
        // Not every such call follows aliases, so neither reading of the name may be managed.
        let (names, turn) = engine.named(&spelled, table).await?;
        let real = names.resolve(&spelled);
        let named = CollectionName::from(spelled.as_str());
        let readings = if real == named {
            vec![real]
        } else {
            vec![real, named]
        };
        let managed: Vec<_> = readings
            .into_iter()
            .filter(|name| table.managed(name.as_str()).is_some())
            .collect();
        if !managed.is_empty() && !is_open {
            return Err(shut(self.row, closed, &spelled));
        }
        let turns = turn.into_iter().collect();
        if closed.replaces && !managed.is_empty() {
            return Ok(Reach::Restore(managed, self.unmanaged(turns)));
        }
        Ok(self.pass(turns))
    }

    /// The collection as the client spells it.
    async fn collection(&mut self, engine: &Engine) -> Result<String, Refusal> {
        if let Some(name) = self.in_path.take() {
            return Ok(name);
        }
        match peek(&self.head.headers, &mut self.body, engine.settings.body_bytes_max).await? {
            Peeked::Name(name) => Ok(name),
            Peeked::Watching(name, watching) => {
                self.watch = Some(watching);
                Ok(name)
            }
        }
    }

    /// The content of the whole body, which stays to be passed on. REST's goes on unpacked: what unpacks it otherwise
    /// upstream must not read another text.
    async fn read_whole(&mut self, engine: &Engine) -> Result<Bytes, Refusal> {
        let bytes_max = engine.settings.body_bytes_max;
        let rest = std::mem::replace(&mut self.body.rest, body::parts(Vec::new(), None));
        let collected =
            body::collect(self.face, std::mem::take(&mut self.body.read), rest, bytes_max).await?;
        let message = content(self.face, &self.head.headers, &collected.data, bytes_max)?;
        let data = match self.face {
            Face::Grpc => collected.data,
            Face::Rest => {
                self.head.headers.remove(header::CONTENT_ENCODING);
                message.clone()
            }
        };
        self.body.rest = body::parts(vec![data], collected.trailers);
        self.watch = None;
        Ok(message)
    }

    /// REST names the index in the path, where no scan sees it. Ours must stay: filters on tags need it in strict mode.
    fn keeps_index(&self, reserved_key: &str) -> Result<(), Refusal> {
        let segment = self.head.uri.path().rsplit('/').next().unwrap_or_default();
        let key = percent_decode_str(segment).decode_utf8_lossy();
        if self.face == Face::Rest && path_touches(&key, reserved_key) {
            return Err(Refusal::forbidden(
                "tag_tampering",
                format!("`{key}` is an index of Interlock's own payload key: leave it"),
            ));
        }
        Ok(())
    }

    fn pass(self, turns: Vec<Turn>) -> Reach {
        Reach::Unmanaged(self.unmanaged(turns))
    }

    fn unmanaged(self, turns: Vec<Turn>) -> Unmanaged {
        let Pending { read, rest } = self.body;
        let body = match self.watch {
            Some(watch) => body::Watched::boxed(read, rest, watch),
            // Nothing, or everything, has been read.
            None if read.is_empty() => rest,
            None => body::parts(read.into(), None),
        };
        Unmanaged {
            face: self.face,
            row: self.row,
            head: self.head,
            body,
            turns,
        }
    }
}

fn guarded(row: &Row, closed: Closed) -> Refusal {
    Refusal::forbidden(
        "guarded_call",
        format!(
            "{} could {}: it is closed while any collection is managed{}",
            row.name,
            closed.could,
            remedy(closed)
        ),
    )
}

/// Says the name that the client said: what an alias leads to is not for everybody to know.
fn shut(row: &Row, closed: Closed, spelled: &str) -> Refusal {
    Refusal::forbidden(
        "closed_call",
        format!(
            "{} is closed on the managed collection `{spelled}`: it could {}{}",
            row.name,
            closed.could,
            remedy(closed)
        ),
    )
}

fn remedy(closed: Closed) -> String {
    closed.group.map_or_else(String::new, |group| {
        format!(
            "; an operator can open `{}` in Interlock's configuration",
            group.as_str()
        )
    })
}
