//! From the upstream's answers to the client's: passed on as they come where nothing is to be hidden, read whole where
//! something is. Whatever it is, the table stays pinned until its last byte has gone.

use std::ops::Range;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};

use crate::domain::ids::VectorName;
use crate::domain::op::Verb;
use crate::domain::plan::{Plan, Step, Unwrite};
use crate::domain::refusal::Refusal;
use crate::domain::table::Managed;
use crate::registry::Pinned;
use crate::upstream::{Body, Face};
use crate::wire::InfoView;
use crate::wire::frame;

use super::call::{Call, MODEL_HEADER};
use super::send::{GRPC_MESSAGE, GRPC_STATUS, answer_content, error_text};
use super::{Settings, body};

const EPOCH_HEADER: HeaderName = HeaderName::from_static("routing-epoch");

/// The answers to one request: one, or one a run of a batch of writes.
pub(super) struct Answers<'a> {
    call: &'a Call,
    managed: &'a Managed,
    settings: &'a Settings,
    models: Vec<String>,
    held: Held,
}

/// What has come so far.
enum Held {
    /// Nothing.
    Nothing,
    /// An answer that passes as it comes.
    Passing(Box<Response<Body>>),
    /// Answers that were read: the last one's head and trailers, and each one's message in the client's terms.
    Read {
        head: Box<Parts>,
        trailers: Option<HeaderMap>,
        messages: Vec<Bytes>,
    },
}

impl<'a> Answers<'a> {
    pub fn new(call: &'a Call, managed: &'a Managed, settings: &'a Settings) -> Self {
        Self {
            call,
            managed,
            settings,
            models: Vec::new(),
            held: Held::Nothing,
        }
    }

    /// Whether an answer to this plan has to be read whole.
    pub fn must_read(&self, plan: &Plan) -> bool {
        !plan.unwrite.is_nothing()
            || self.is_batched(plan)
            || matches!(self.call.verb, Verb::CollectionInfo | Verb::UpdateBatch)
    }

    /// Whether the plan goes out as a batch of ours.
    fn is_batched(&self, plan: &Plan) -> bool {
        let is_identity = plan
            .steps
            .iter()
            .enumerate()
            .all(|(at, step)| *step == Step::Client(at));
        !is_identity || (self.call.verb != Verb::UpdateBatch && plan.steps.len() > 1)
    }

    /// Takes an answer. `false` where it is an error: nothing may follow it.
    pub async fn push(
        &mut self,
        answer: Response<Body>,
        plan: Plan,
        run: Range<usize>,
    ) -> Result<bool, Refusal> {
        for model in plan.models.iter().map(ToString::to_string) {
            if !self.models.contains(&model) {
                self.models.push(model);
            }
        }
        let has_failed = is_failure(self.call.face, &answer);
        if !self.must_read(&plan) && !has_failed {
            self.held = Held::Passing(Box::new(answer));
            return Ok(true);
        }
        let (mut head, rest) = answer.into_parts();
        let bytes_max = self.settings.answer_bytes_max;
        let collected = body::collect(self.call.face, Default::default(), rest, bytes_max).await?;
        if has_failed || error_text(self.call.face, &head, &collected).is_some() {
            self.fail(head, collected)?;
            return Ok(false);
        }
        let message = answer_content(self.call.face, &mut head.headers, &collected.data, bytes_max)?;
        let message = self.in_clients_terms(message, &plan, &run)?;
        match &mut self.held {
            Held::Read {
                head: earlier,
                trailers,
                messages,
            } => {
                **earlier = head;
                *trailers = collected.trailers;
                messages.push(message);
            }
            Held::Nothing | Held::Passing(_) => {
                self.held = Held::Read {
                    head: Box::new(head),
                    trailers: collected.trailers,
                    messages: vec![message],
                };
            }
        }
        Ok(true)
    }

    /// Takes an error of the upstream's as the answer. It may name vectors: in the client's names.
    pub fn fail(&mut self, mut head: Parts, mut collected: body::Collected) -> Result<(), Refusal> {
        self.hide_names(&mut head.headers);
        if let Some(trailers) = &mut collected.trailers {
            self.hide_names(trailers);
        }
        let mut data = collected.data;
        if self.call.face == Face::Rest {
            let bytes_max = self.settings.answer_bytes_max;
            data = answer_content(Face::Rest, &mut head.headers, &data, bytes_max)?;
        }
        let data = self.client_names(&data);
        drop_length(&mut head.headers);
        let passing = Response::from_parts(head, body::parts(vec![data], collected.trailers));
        self.held = Held::Passing(Box::new(passing));
        Ok(())
    }

    fn in_clients_terms(&self, message: Bytes, plan: &Plan, run: &Range<usize>) -> Result<Bytes, Refusal> {
        let encoding = self.call.encoding();
        if self.call.verb == Verb::CollectionInfo {
            return encoding.info(&message, &self.info_view(plan));
        }
        if self.is_batched(plan) {
            let owners: Vec<usize> = plan.steps.iter().map(|step| step.owner() - run.start).collect();
            return encoding.unbatch(self.call.verb, &message, &owners);
        }
        if plan.unwrite == Unwrite::default() {
            return Ok(message);
        }
        Ok(encoding
            .unwrite(self.call.verb, &message, &plan.unwrite)?
            .concat()
            .into())
    }

    /// The collection as it would look to this client without standby spaces.
    fn info_view(&self, plan: &Plan) -> InfoView {
        InfoView {
            vectors: plan.unwrite.vectors.clone().unwrap_or_default(),
            metadata_key: self.settings.metadata_key.clone(),
            payload_key: self.settings.reserved_key.clone(),
        }
    }

    /// The reply, with the models and the epoch that it was made with.
    pub async fn reply(self, pinned: Pinned) -> Result<Response<Body>, Refusal> {
        let epoch = pinned.epoch;
        let mut reply = match self.held {
            Held::Nothing => return Err(Refusal::invalid("empty_batch", "the batch holds no operation")),
            Held::Passing(answer) => answer.map(|rest| body::pinned(rest, pinned)),
            Held::Read {
                head,
                trailers,
                messages,
            } => {
                let message = match messages.as_slice() {
                    [one] => one.clone(),
                    several => joined(self.call.face, several)?,
                };
                let parts = match self.call.face {
                    Face::Grpc => frame::frame(vec![message])?,
                    Face::Rest => vec![message],
                };
                let mut head = *head;
                drop_length(&mut head.headers);
                Response::from_parts(head, body::pinned(body::parts(parts, trailers), pinned))
            }
        };
        let headers = reply.headers_mut();
        headers.insert(EPOCH_HEADER, HeaderValue::from(epoch.0));
        if let Ok(models) = HeaderValue::try_from(self.models.join(",")) {
            headers.insert(MODEL_HEADER, models);
        }
        Ok(reply)
    }

    /// Real names that clients do not know, with theirs.
    fn renamed(&self) -> impl Iterator<Item = (&VectorName, &VectorName)> {
        let spaces = self
            .managed
            .fields
            .values()
            .flat_map(|field| field.spaces().map(|space| (&space.vector, &field.name)));
        spaces.filter(|(real, name)| real != name && !real.is_unnamed())
    }

    fn client_names(&self, text: &Bytes) -> Bytes {
        let Ok(plain) = std::str::from_utf8(text) else {
            return text.clone();
        };
        let mut plain = std::borrow::Cow::Borrowed(plain);
        for (real, name) in self.renamed() {
            if plain.contains(real.as_str()) {
                plain = plain.replace(real.as_str(), name.as_str()).into();
            }
        }
        match plain {
            std::borrow::Cow::Borrowed(_) => text.clone(),
            std::borrow::Cow::Owned(plain) => plain.into(),
        }
    }

    fn hide_names(&self, headers: &mut HeaderMap) {
        let Some(message) = headers.get(GRPC_MESSAGE) else {
            return;
        };
        let shown = self.client_names(&Bytes::copy_from_slice(message.as_bytes()));
        if let Ok(shown) = HeaderValue::from_maybe_shared(shown) {
            headers.insert(GRPC_MESSAGE, shown);
        }
    }
}

/// Whether the head alone says that the answer is an error.
fn is_failure(face: Face, answer: &Response<Body>) -> bool {
    match face {
        Face::Rest => !answer.status().is_success(),
        Face::Grpc => answer
            .headers()
            .get(GRPC_STATUS)
            .is_some_and(|status| status != "0"),
    }
}

fn drop_length(headers: &mut HeaderMap) {
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRANSFER_ENCODING);
}

/// The answers of several runs of one batch as the answer of one.
fn joined(face: Face, messages: &[Bytes]) -> Result<Bytes, Refusal> {
    match face {
        // Protobuf messages merge by concatenation: results are appended, the last time wins.
        Face::Grpc => Ok(messages.concat().into()),
        Face::Rest => {
            let unread = |_| {
                Refusal::unavailable(
                    "answer_unread",
                    "Qdrant's answer to the batch cannot be understood",
                )
            };
            let mut whole: Option<serde_json::Value> = None;
            for message in messages {
                let next: serde_json::Value = serde_json::from_slice(message).map_err(unread)?;
                whole = Some(match whole {
                    None => next,
                    Some(mut whole) => {
                        if let (Some(results), Some(more)) =
                            (whole["result"].as_array_mut(), next["result"].as_array())
                        {
                            results.extend(more.iter().cloned());
                        }
                        whole
                    }
                });
            }
            serde_json::to_vec(&whole).map(Bytes::from).map_err(unread)
        }
    }
}
