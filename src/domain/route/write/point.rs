//! One point of a write: which vectors go out, which texts are embedded for them, and what the tag then claims.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::domain::few::Few;
use crate::domain::ids::{VectorName, WriteId};
use crate::domain::op::{InputValue, Point, PointVector};
use crate::domain::plan::{Embed, EmbedRef, OutVector, Plan, PointEdit, Purpose, VectorFrom};
use crate::domain::refusal::Refusal;
use crate::domain::source::source_hash;
use crate::domain::table::{Field, OnEmbedFailure, Space};
use crate::domain::tag::{Tag, TagEntry};

use super::super::Context;
use super::super::claim::{self, Target};

/// The reason where a vector has to be made from a text and there is none.
pub(super) const NO_SOURCE_TEXT: &str = "no_source_text";

/// What becomes of a point.
#[derive(Clone)]
pub(super) struct PointPlan {
    /// Everything that goes out.
    pub vectors: Arc<[OutVector]>,
    /// One entry for each field that is written.
    pub entries: Few<TagEntry>,
    /// Spaces that this write does not fill: field, real vector name.
    pub absent: Arc<[(VectorName, VectorName)]>,
}

/// A plan that every point like the one that it was made for takes: vectors of the same names and shapes, no text to
/// embed. Most requests need only one.
pub(super) struct Template<'t, 'p> {
    vectors: &'p [PointVector<'p>],
    /// The field of each entry.
    fields: SmallVec<[&'t Field; 1]>,
    plan: PointPlan,
}

impl<'t, 'p> Template<'t, 'p> {
    /// `None` where the plan depends on more than the names and shapes of the vectors.
    fn new(point: &'p Point<'_>, given: &[Given<'t, 'p>], plan: &PointPlan) -> Option<Self> {
        let is_raw = |vector: &PointVector<'_>| match vector.value {
            InputValue::Dense(_) | InputValue::Sparse | InputValue::Multi(_) => true,
            InputValue::Point(_) | InputValue::Document(_) | InputValue::Other { .. } => false,
        };
        let is_kept = |vector: &OutVector| matches!(vector.from, VectorFrom::Kept(_));
        let is_filled = |given: &Given<'_, '_>| {
            let absent = &plan.absent;
            given.field.source.is_none() || absent.iter().all(|(field, _)| *field != given.field.name)
        };
        let is_like_others = point.vectors.iter().all(is_raw)
            && plan.vectors.iter().all(is_kept)
            && given.iter().all(is_filled);
        is_like_others.then(|| Self {
            vectors: &point.vectors,
            fields: given.iter().map(|given| given.field).collect(),
            plan: plan.clone(),
        })
    }

    /// Whether a point is like that one.
    #[inline]
    fn fits(&self, point: &Point<'_>) -> bool {
        let is_like = |(one, other): (&PointVector<'_>, &PointVector<'_>)| one.is(other);
        let mut pairs = self.vectors.iter().zip(point.vectors.iter());
        self.vectors.len() == point.vectors.len() && pairs.all(is_like)
    }

    /// The edit of another point, if it is like that one, of one field alone, and nothing is left out of it.
    #[inline]
    pub(super) fn edit(
        &self,
        context: &Context<'_>,
        point: &Point<'_>,
        new_id: &mut dyn FnMut() -> WriteId,
    ) -> Option<PointEdit> {
        let ([entry], [field], []) = (&*self.plan.entries, &*self.fields, &*self.plan.absent) else {
            return None;
        };
        if !self.fits(point) {
            return None;
        }
        let source_hash = match field.source {
            Some(_) => payload_text(context, point, field).as_deref().map(source_hash),
            None => None,
        };
        let entry = TagEntry {
            field: entry.field.clone(),
            write_id: new_id(),
            source_hash,
            models: entry.models.clone(),
        };
        Some(PointEdit {
            vectors: self.plan.vectors.clone(),
            tag: Some(Tag(Few::One([entry]))),
        })
    }

    /// The plan for another point, if it is like that one.
    fn plan(
        &self,
        context: &Context<'_>,
        point: &'p Point<'_>,
        new_id: &mut dyn FnMut() -> WriteId,
    ) -> Option<PointPlan> {
        if !self.fits(point) {
            return None;
        }
        let mut entries = Few::default();
        for (entry, field) in self.plan.entries.iter().zip(&self.fields) {
            entries.push(TagEntry {
                field: entry.field.clone(),
                write_id: new_id(),
                source_hash: payload_text(context, point, field).as_deref().map(source_hash),
                models: entry.models.clone(),
            });
        }
        Some(PointPlan {
            vectors: self.plan.vectors.clone(),
            entries,
            absent: self.plan.absent.clone(),
        })
    }
}

/// An entry that claims nothing.
pub(super) fn unclaimed(field: VectorName, write_id: WriteId) -> TagEntry {
    TagEntry {
        field,
        write_id,
        source_hash: None,
        models: Arc::default(),
    }
}

/// A field's vectors in one point, by their place in it.
struct Given<'t, 'p> {
    field: &'t Field,
    vectors: Vec<(usize, &'p PointVector<'p>, &'t Space)>,
}

/// Plans a point, by `template` where the point is like the one that it was made for.
pub(super) fn plan<'t, 'p>(
    context: &Context<'t>,
    point: &'p Point<'_>,
    plan: &mut Plan,
    new_id: &mut dyn FnMut() -> WriteId,
    template: &mut Option<Template<'t, 'p>>,
) -> Result<PointPlan, Refusal> {
    if let Some(planned) = template.as_ref().and_then(|t| t.plan(context, point, new_id)) {
        return Ok(planned);
    }
    let (given, mut vectors) = sort(context, point)?;
    let mut entries = Few::default();
    let mut absent = Vec::new();
    for given in &given {
        let mut entry = unclaimed(given.field.name.clone(), new_id());
        let text = source_text(context, point, given);
        entry.source_hash = text.as_deref().map(source_hash);
        for space in given.field.spaces() {
            let model = claim::model_of(context.table, space)?;
            match fill(context, given, space, text.as_deref(), plan)? {
                Some(from) => {
                    vectors.push(OutVector {
                        name: space.vector.clone(),
                        from,
                    });
                    entry.claim(space.vector.clone(), model);
                }
                None => absent.push((given.field.name.clone(), space.vector.clone())),
            }
        }
        for (_, _, space) in &given.vectors {
            if !plan.models.contains(&space.model) {
                plan.models.push(space.model.clone());
            }
        }
        entries.push(entry);
    }
    for field in context
        .managed
        .fields
        .values()
        .filter(|field| !given.iter().any(|g| g.field.name == field.name))
    {
        absent.extend(
            field
                .spaces()
                .map(|space| (field.name.clone(), space.vector.clone())),
        );
    }
    // In the body's order, so that a point whose vectors stay as they are is recognised as such.
    vectors.sort_by_key(|vector| match vector.from {
        VectorFrom::Kept(index) => index,
        VectorFrom::Embedded(_) => usize::MAX,
    });
    let planned = PointPlan {
        vectors: vectors.into(),
        entries,
        absent: absent.into(),
    };
    *template = Template::new(point, &given, &planned);
    Ok(planned)
}

/// Gives every vector of the point to its field and space; opaque ones go out as they are.
fn sort<'t, 'p>(
    context: &Context<'t>,
    point: &'p Point<'_>,
) -> Result<(Vec<Given<'t, 'p>>, Vec<OutVector>), Refusal> {
    let mut targets: Vec<(&Field, Option<_>, usize)> = Vec::with_capacity(point.vectors.len());
    let mut opaque = Vec::new();
    for (index, vector) in point.vectors.iter().enumerate() {
        match claim::target(context.managed, &vector.name)? {
            Target::Opaque(name) => opaque.push(OutVector {
                name: name.clone(),
                from: VectorFrom::Kept(index),
            }),
            Target::Field(field, named) => targets.push((field, named, index)),
        }
    }
    let mut sorted: Vec<Given<'t, 'p>> = Vec::new();
    for (field, named, index) in targets {
        let Some(vector) = point.vectors.get(index) else {
            continue;
        };
        let documents = claim::document_models(std::iter::once(&vector.value))?;
        let space = match &named {
            // A vector that says its own model stands beside vectors of others: no other claim is about it.
            Some(_) => claim::space(
                field,
                context.managed,
                &Default::default(),
                named.as_ref(),
                &documents,
            )?,
            None => claim::space(field, context.managed, context.claims, None, &documents)?,
        };
        claim::fits(claim::model_of(context.table, space)?, &vector.value)?;
        match sorted.iter_mut().find(|given| given.field.name == field.name) {
            Some(given) if given.vectors.iter().any(|(_, _, taken)| *taken == space) => {
                return Err(Refusal::invalid(
                    "contradicting_models",
                    format!(
                        "a point has two vectors of model `{}` for `{}`: send one",
                        space.model, field.name
                    ),
                ));
            }
            Some(given) => given.vectors.push((index, vector, space)),
            None => sorted.push(Given {
                field,
                vectors: vec![(index, vector, space)],
            }),
        }
    }
    Ok((sorted, opaque))
}

/// The text behind a field's vectors: the one that the client gave to embed, or what the template makes of the payload.
fn source_text<'p>(
    context: &Context<'_>,
    point: &'p Point<'_>,
    given: &Given<'_, 'p>,
) -> Option<Cow<'p, str>> {
    let document = given
        .vectors
        .iter()
        .find_map(|(_, vector, _)| match &vector.value {
            InputValue::Document(document) => Some(Cow::Borrowed(document.text.as_ref())),
            InputValue::Dense(_) | InputValue::Sparse | InputValue::Multi(_) | InputValue::Point(_) => None,
            InputValue::Other { .. } => None,
        });
    document.or_else(|| payload_text(context, point, given.field))
}

/// What a field's template makes of the payload.
fn payload_text<'p>(context: &Context<'_>, point: &'p Point<'_>, field: &Field) -> Option<Cow<'p, str>> {
    let template = field.source.as_ref()?;
    let stored = context
        .known
        .sources
        .as_ref()
        .and_then(|sources| sources.get(&point.id));
    let text = template.render(|key| {
        let own = point
            .texts
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, text)| text.as_ref());
        own.or_else(|| {
            stored?
                .iter()
                .find(|(k, _)| k == key)
                .map(|(_, text)| text.as_str())
        })
    });
    text.map(Cow::Owned)
}

/// Where a space's vector comes from: the client, or an embedder. `None` leaves the point pending there.
fn fill(
    context: &Context<'_>,
    given: &Given<'_, '_>,
    space: &Space,
    text: Option<&str>,
    plan: &mut Plan,
) -> Result<Option<VectorFrom>, Refusal> {
    let own = given.vectors.iter().find(|(_, _, of)| *of == space);
    if let Some((index, vector, _)) = own
        && !matches!(vector.value, InputValue::Document(_))
    {
        return Ok(Some(VectorFrom::Kept(*index)));
    }
    let required = own.is_some() || *space == given.field.serving;
    if !required && context.deferred {
        return Ok(None);
    }
    match text {
        Some(text) => {
            plan.embeds.push(Embed {
                model: space.model.clone(),
                purpose: Purpose::Document,
                text: text.to_owned(),
                required,
            });
            Ok(Some(VectorFrom::Embedded(EmbedRef(plan.embeds.len() - 1))))
        }
        None if !required && given.field.on_standby_failure() == OnEmbedFailure::Defer => Ok(None),
        None => Err(no_text(given.field, space)),
    }
}

fn no_text(field: &Field, space: &Space) -> Refusal {
    let template = match &field.source {
        Some(template) => format!("the payload does not give `{template}`"),
        None => "the field has no source template".to_owned(),
    };
    Refusal::invalid(
        NO_SOURCE_TEXT,
        format!(
            "the vector of `{}` for `{}` is missing and cannot be made: {template}. Send it as `{}@{}`, or send the text",
            space.model, field.name, field.name, space.model
        ),
    )
}
