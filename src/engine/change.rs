//! Calls that change what names mean: aliases, collections, vector names. Their bodies are small and read whole; they are
//! decided on what Qdrant has now, one at a time, and carried to their end even if the client goes away, so that what is
//! known afterwards is what was done.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::request::Parts;
use http::{Request, Response};

use crate::domain::alias::{self, Change, World};
use crate::domain::ids::{CollectionName, Epoch, VectorName};
use crate::domain::quarantine::Cause;
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::schema::{self, SchemaCall};
use crate::domain::table::Table;
use crate::registry::{Pinned, Registry};
use crate::store::Commit;
use crate::upstream::{Body, Face};
use crate::wire::scanned::Encoding;
use crate::wire::{aliases as alias_bodies, collections as bodies, frame};

use super::aliases::Names;
use super::pass::{Unmanaged, refused};
use super::{Engine, body};

/// How long a change of aliases waits for the requests that use them.
const ALIAS_WAIT: Duration = Duration::from_secs(5);
/// How long the making of a collection waits for requests to its predecessor.
const DRAIN_WAIT: Duration = Duration::from_secs(5);

/// A call that changes names or schemas, read whole.
pub(super) struct ChangeCall {
    pub face: Face,
    pub head: Parts,
    /// The body as it came, to be passed on as it is.
    pub body: Body,
    /// What is in it: the gRPC message, or the JSON text.
    pub message: Bytes,
    /// What is changed.
    pub what: Changed,
}

/// What is changed.
pub(super) enum Changed {
    /// Aliases.
    Aliases,
    /// A collection or its vector names.
    Schema {
        /// The call.
        call: SchemaCall,
        /// The collection as the client spells it.
        spelled: String,
        /// REST: the vector's name in the path.
        vector: Option<String>,
    },
}

impl ChangeCall {
    fn encoding(&self) -> Encoding {
        match self.face {
            Face::Grpc => Encoding::Protobuf,
            Face::Rest => Encoding::Json,
        }
    }

    fn request(self) -> (Face, Request<Body>) {
        (self.face, Request::from_parts(self.head, self.body))
    }

    /// With another content: uncompressed, and as long as it is.
    fn with_message(mut self, message: Bytes) -> Result<Self, Refusal> {
        for name in [
            "content-length",
            "content-encoding",
            "transfer-encoding",
            "grpc-encoding",
        ] {
            self.head.headers.remove(name);
        }
        let parts = match self.face {
            Face::Grpc => frame::frame(vec![message.clone()])?,
            Face::Rest => vec![message.clone()],
        };
        self.body = body::parts(parts, None);
        self.message = message;
        Ok(self)
    }
}

/// What is done once the upstream has answered.
enum After {
    /// Nothing more than a look.
    Look,
    /// Where it was done, the vector is no longer the collection's.
    Forget(CollectionName, VectorName),
}

impl Engine {
    /// Decides on a change and carries it out.
    pub(super) async fn change(&self, call: ChangeCall, table: Pinned) -> Result<Response<Body>, Refusal> {
        match &call.what {
            Changed::Aliases => self.change_aliases(call, table).await,
            Changed::Schema {
                call: schema_call,
                spelled,
                vector,
            } => {
                let (schema_call, spelled, vector) = (*schema_call, spelled.clone(), vector.clone());
                self.change_schema(call, (schema_call, spelled, vector), table)
                    .await
            }
        }
    }

    /// Points come out of a snapshot: from before the first byte of it, no data call is answered until an audit.
    pub(super) async fn restore(
        &self,
        collections: Vec<CollectionName>,
        call: Unmanaged,
    ) -> Result<Response<Body>, Refusal> {
        for collection in &collections {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
            let quarantined = self
                .registry
                .quarantine(collection, Cause::Restored, now_ms)
                .await;
            let epoch = quarantined.map_err(|error| {
                tracing::error!(%collection, %error, "the collection cannot be quarantined");
                Refusal::unavailable(
                    "quarantine_unstored",
                    "the collection cannot be quarantined, which a restore needs; nothing was sent",
                )
            })?;
            drained(&self.registry, epoch).await?;
        }
        let table = self.registry.pin();
        self.pass(call, table).await
    }

    async fn change_aliases(&self, call: ChangeCall, table: Pinned) -> Result<Response<Body>, Refusal> {
        if table.collections.is_empty() {
            drop(table);
            return self.carry_out(call, After::Look, None).await;
        }
        drop(table);
        let actions = alias_bodies::alias_actions(call.encoding(), &call.message)?;
        let turn = Arc::clone(&self.changing).lock_owned().await;
        self.aliases.look().await?;
        let collections = self.calls.collections().await.map_err(|error| {
            tracing::warn!(%error, "the collections cannot be listed");
            Refusal::unavailable(
                "names_unknown",
                "Qdrant's collections cannot be listed; nothing was changed",
            )
        })?;
        let change = {
            let (table, names) = (self.registry.pin(), self.aliases.names());
            let world = World {
                table: &table,
                aliases: &names.aliases,
                collections: &collections,
            };
            alias::decide(world, &actions)?
        };
        let closed = match change {
            Change::Unconcerned => None,
            Change::Concerned { names } => Some(self.turns.close(names, ALIAS_WAIT).await?),
        };
        self.carry_out(call, After::Look, Some(Box::new((turn, closed))))
            .await
    }

    async fn change_schema(
        &self,
        call: ChangeCall,
        (schema_call, spelled, vector): (SchemaCall, String, Option<String>),
        table: Pinned,
    ) -> Result<Response<Body>, Refusal> {
        let key = &self.settings.metadata_key;
        let encoding = call.encoding();
        match schema_call {
            SchemaCall::CreateCollection => {
                let names = bodies::creation(encoding, &call.message)?;
                schema::check_metadata(&names.metadata, key)?;
                schema::check_new_names(&table, &names.vectors, &[])?;
            }
            SchemaCall::UpdateCollection => {
                schema::check_metadata(&bodies::changed_metadata(encoding, &call.message)?, key)?;
            }
            SchemaCall::DeleteCollection | SchemaCall::CreateVectorName | SchemaCall::DeleteVectorName => {}
        }
        let vector = match (schema_call, vector) {
            (SchemaCall::CreateVectorName | SchemaCall::DeleteVectorName, None) => {
                bodies::vector_name(schema_call == SchemaCall::CreateVectorName, &call.message)?
            }
            (_, vector) => vector.unwrap_or_default(),
        };
        if schema_call == SchemaCall::CreateVectorName {
            schema::check_new_names(&table, std::slice::from_ref(&vector), &[])?;
        }
        if table.collections.is_empty() {
            drop(table);
            return self.carry_out(call, After::Look, None).await;
        }
        drop(table);
        let turn = Arc::clone(&self.changing).lock_owned().await;
        self.aliases.look().await?;
        let (table, names) = (self.registry.pin(), self.aliases.names());
        let asked = Asked {
            table: &table,
            names: &names,
            spelled: &spelled,
            vector: &vector,
        };
        let (call, after) = asked.decide(schema_call, call)?;
        let epoch = table.epoch;
        drop(table);
        if schema_call == SchemaCall::CreateCollection {
            // No request that was decided on the predecessor may reach the new one.
            drained(&self.registry, epoch).await?;
        }
        self.carry_out(call, after, Some(Box::new(turn))).await
    }

    /// Sends the call, then sees what it left, and only then lets go of what it holds and answers. All of it is done
    /// even if the client goes away.
    async fn carry_out(
        &self,
        call: ChangeCall,
        after: After,
        held: Option<Box<dyn Send>>,
    ) -> Result<Response<Body>, Refusal> {
        let (upstream, aliases) = (Arc::clone(&self.upstream), Arc::clone(&self.aliases));
        let registry = Arc::clone(&self.registry);
        let bytes_max = self.settings.answer_bytes_max;
        let whole: BoxFuture<'static, _> = Box::pin(async move {
            let (face, request) = call.request();
            let sent = upstream.call(face, request).await.map_err(refused);
            let answer = match sent {
                Ok(answer) => read(answer, face, bytes_max).await,
                Err(refusal) => Err(refusal),
            };
            if let (Ok((_, true)), After::Forget(collection, vector)) = (&answer, &after) {
                forget(&registry, collection, vector).await?;
            }
            match registry.pin().collections.is_empty() {
                true => aliases.invalidate(),
                // Where it fails, the next request looks first.
                false => {
                    if let Err(refusal) = aliases.look().await {
                        tracing::warn!(%refusal, "what a change left cannot be read");
                    }
                }
            }
            drop(held);
            answer.map(|(answer, _)| answer)
        });
        tokio::spawn(whole).await.unwrap_or_else(|_| {
            Err(Refusal::unavailable(
                "outcome_unknown",
                "the change broke off: it may have been made",
            ))
        })
    }
}

/// A schema call about a collection, with all that it is decided on.
struct Asked<'a> {
    table: &'a Table,
    names: &'a Names,
    spelled: &'a str,
    vector: &'a str,
}

impl Asked<'_> {
    /// What is sent for the call, and what follows.
    fn decide(&self, schema_call: SchemaCall, call: ChangeCall) -> Result<(ChangeCall, After), Refusal> {
        let pass = |call| Ok((call, After::Look));
        // A collection is made and dropped by its real name; vectors and configuration are changed by aliases too.
        let real = match schema_call {
            SchemaCall::CreateCollection | SchemaCall::DeleteCollection => CollectionName::from(self.spelled),
            SchemaCall::UpdateCollection | SchemaCall::CreateVectorName | SchemaCall::DeleteVectorName => {
                self.names.resolve(self.spelled)
            }
        };
        let Some(managed) = self.table.managed(real.as_str()) else {
            return pass(call);
        };
        match schema_call {
            SchemaCall::CreateCollection => schema::check_creation(&real, managed).and_then(|()| pass(call)),
            SchemaCall::DeleteCollection => schema::check_deletion(&real, managed).and_then(|()| pass(call)),
            SchemaCall::UpdateCollection => {
                managed.standing.check(&real)?;
                let spaces = |name: &str| schema::spaces_of(managed, name);
                let message = bodies::update(call.encoding(), &call.message, &spaces)?;
                pass(call.with_message(message)?)
            }
            SchemaCall::CreateVectorName => Err(schema::new_vector(self.table, managed, self.vector)),
            SchemaCall::DeleteVectorName => {
                schema::check_vector_deletion(managed, self.vector)?;
                Ok((call, After::Forget(real, self.vector.into())))
            }
        }
    }
}

/// The whole answer, and whether it says that the change was made.
async fn read(
    answer: Response<Body>,
    face: Face,
    bytes_max: usize,
) -> Result<(Response<Body>, bool), Refusal> {
    let (head, rest) = answer.into_parts();
    let collected = body::collect(face, Default::default(), rest, bytes_max).await?;
    let is_done = super::send::error_text(face, &head, &collected).is_none();
    let body = body::parts(vec![collected.data], collected.trailers);
    Ok((Response::from_parts(head, body), is_done))
}

/// Waits, within a bound, for every request that pinned an earlier table.
async fn drained(registry: &Registry, epoch: Epoch) -> Result<(), Refusal> {
    let drained = tokio::time::timeout(DRAIN_WAIT, registry.drained(epoch)).await;
    drained.map_err(|_elapsed| {
        Refusal::new(
            RefusalKind::NotReady,
            "requests_under_way",
            "earlier requests to the collection are still under way: try again; nothing was sent",
        )
    })
}

/// An opaque vector was dropped: it is not in the table any more.
async fn forget(
    registry: &Registry,
    collection: &CollectionName,
    vector: &VectorName,
) -> Result<(), Refusal> {
    let change = |table: &mut Table| {
        if let Some(managed) = table.collections.get_mut(collection) {
            managed.opaque.retain(|name| name != vector);
        }
        Ok(())
    };
    let forgotten = registry.publish_next(change, Commit::default()).await;
    forgotten.map(|_| ()).map_err(|error| {
        tracing::error!(%collection, %vector, %error, "a dropped vector stays in the table");
        Refusal::unavailable(
            "table_unstored",
            "the vector was dropped, but the table still names it: adopt the collection again",
        )
    })
}
