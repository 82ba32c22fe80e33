//! What a migration would do and cost, before any of it is done. Pure arithmetic over what was looked up: the control
//! loop gathers [`Given`], and [`forecast`] answers. What is an estimate says so by its name.

mod storage;
mod words;

use serde::{Deserialize, Serialize};

use super::ids::{FieldKey, VectorName};
use super::model::{Kind, Model, ModelId};

pub use storage::{Keeping, Quantized, SpaceBytes};

/// The first Qdrant that adds a vector to a collection that is there.
pub const ADDS_VECTORS: (u64, u64) = (1, 18);

/// What is known of a field, its collection and the target.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// The field.
    pub key: FieldKey,
    /// The model that serves, and the real vector name of its space.
    pub from: Model,
    /// The same.
    pub from_space: VectorName,
    /// How its vectors are kept.
    pub from_keeping: Keeping,
    /// The target.
    pub to: Model,
    /// The vector name that would be made.
    pub to_space: VectorName,
    /// How its vectors would be kept.
    pub to_keeping: Keeping,
    /// How the target's vectors are computed.
    pub computes: Computes,
    /// Whether the field says what text its vectors are made from.
    pub has_source: bool,
    /// The server's version as it says it.
    pub server: String,
    /// Whether other peers hold shards; `None` where the server does not say.
    pub is_cluster: Option<bool>,
    /// Copies that the server keeps of each point.
    pub replicas: u64,
    /// Points that have the field.
    pub points: u64,
    /// Those of them that carry no tag yet.
    pub untagged: u64,
    /// Points in one page of the backfill.
    pub page_points: u64,
    /// The path whose index a strict server wants; `None` where it wants none.
    pub strict_path: Option<String>,
    /// What a sample showed, where one was taken.
    pub sample: Option<Sample>,
    /// What stands against a start.
    pub obstacles: Vec<String>,
}

/// How the target's vectors are computed.
#[derive(Clone, Debug, PartialEq)]
pub enum Computes {
    /// Not at all: clients bring them.
    Nobody,
    /// By Interlock itself.
    Here,
    /// By an endpoint.
    Endpoint {
        /// Texts in one call.
        batch_max: u64,
        /// What a million tokens cost, in whatever currency the operator reckons.
        price_per_million_tokens: Option<f64>,
    },
}

/// What embedding a few points showed. Nothing was written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Points that were read.
    pub points: u64,
    /// Those of them without a source text.
    pub unsourced: u64,
    /// Estimated tokens of their texts, prompts included.
    pub tokens_estimated: u64,
    /// How long reading and embedding them took, in seconds; absent where nothing was embedded.
    pub seconds: Option<f64>,
    /// Rows of their multivectors, or components of their sparse vectors, on average.
    pub rows_mean: Option<f64>,
    /// Why the sample could not be embedded.
    pub error: Option<String>,
}

/// Whether points must be embedded again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// The target serves already: what may be wanted is a change of the collection, and nothing moves.
    CollectionUpdate,
    /// Every point's text is embedded.
    Embed,
    /// Interlock has no text, or no embedder: clients write every point's new vector.
    ClientsBring,
}

/// Where the standby space would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Whether the server can have it in the same collection.
    pub in_place: bool,
    /// The server's version.
    pub server: String,
    /// Whether the field is the collection's unnamed vector.
    pub is_unnamed: bool,
    /// Whether other peers hold shards of the collection; absent where the server does not say.
    pub is_cluster: Option<bool>,
    /// Why so.
    pub why: String,
}

/// What a migration would do and cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// The field.
    pub key: FieldKey,
    /// The model that serves.
    pub from: ModelId,
    /// The target.
    pub to: ModelId,
    /// Where the standby space would be, and why.
    pub layout: Layout,
    /// Whether points must be embedded again, and why.
    pub need: Need,
    /// The same.
    pub need_why: String,
    /// What would be done, in order.
    pub steps: Vec<String>,
    /// Points that have the field.
    pub points: u64,
    /// The vectors of each space while both live, all copies counted.
    pub spaces: Vec<SpaceBytes>,
    /// Their sums; absent where a space cannot be told.
    pub memory_bytes: Option<u64>,
    /// The same.
    pub disk_bytes: Option<u64>,
    /// Calls to the embedder's endpoint; 0 where Interlock computes the vectors itself.
    pub embedder_calls: u64,
    /// An estimate from sampled texts; absent without a sample.
    pub tokens_estimated: Option<u64>,
    /// The tokens at the model's price; absent without one of the two.
    pub cost_estimated: Option<f64>,
    /// Points whose text is missing, reckoned from the sample.
    pub unsourced_estimated: Option<u64>,
    /// At the sample's rate, which reads and embeds but does not write.
    pub seconds_estimated: Option<f64>,
    /// What the sample showed.
    pub sample: Option<Sample>,
    /// What the operator should know.
    pub warnings: Vec<String>,
    /// Why `migrate start` would be refused now; empty: it would not.
    pub obstacles: Vec<String>,
}

/// A version's first two numbers.
pub fn major_minor(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// How many tokens a text may have: four ASCII characters, or one other character, each.
pub fn tokens_estimated(text: &str) -> u64 {
    let ascii = text.bytes().filter(u8::is_ascii).count() as u64;
    let others = text.chars().filter(|c| !c.is_ascii()).count() as u64;
    ascii.div_ceil(4) + others
}

/// What would happen.
pub fn forecast(given: &Given) -> Forecast {
    let (need, need_why) = words::need(given);
    let moves = need != Need::CollectionUpdate;
    let layout = words::layout(given);
    let spaces = storage::spaces(given, moves);
    let sum = |bytes: fn(&SpaceBytes) -> Option<u64>| spaces.iter().map(bytes).sum::<Option<u64>>();
    let embedded = if need == Need::Embed { given.points } else { 0 };
    let tokens = given
        .sample
        .as_ref()
        .and_then(|sample| scaled(sample.tokens_estimated, sample.points, embedded));
    let price = match given.computes {
        Computes::Nobody | Computes::Here => None,
        Computes::Endpoint {
            price_per_million_tokens,
            ..
        } => price_per_million_tokens,
    };
    let mut obstacles = given.obstacles.clone();
    if moves && !layout.in_place {
        obstacles.push(layout.why.clone());
    }
    Forecast {
        key: given.key.clone(),
        from: given.from.id.clone(),
        to: given.to.id.clone(),
        layout,
        need,
        need_why,
        steps: words::steps(given, need),
        points: given.points,
        memory_bytes: sum(|space| space.memory_bytes),
        disk_bytes: sum(|space| space.disk_bytes),
        spaces,
        embedder_calls: calls(given, embedded),
        tokens_estimated: tokens,
        cost_estimated: price.zip(tokens).map(|(price, tokens)| cost(tokens, price)),
        unsourced_estimated: given
            .sample
            .as_ref()
            .and_then(|sample| scaled(sample.unsourced, sample.points, embedded)),
        seconds_estimated: given.sample.as_ref().and_then(|sample| seconds(sample, embedded)),
        sample: given.sample.clone(),
        warnings: words::warnings(given, need),
        obstacles,
    }
}

/// What tokens cost at a price for a million of them.
pub fn cost(tokens: u64, price_per_million_tokens: f64) -> f64 {
    tokens as f64 * price_per_million_tokens / 1_000_000.0
}

/// A count in `of` points, reckoned from one in a sample; `None` where the sample is empty.
fn scaled(count: u64, sampled: u64, of: u64) -> Option<u64> {
    let product = u128::from(count) * u128::from(of);
    let scaled = product.div_ceil(u128::from(sampled).max(1));
    (sampled > 0).then(|| u64::try_from(scaled).unwrap_or(u64::MAX))
}

fn seconds(sample: &Sample, of: u64) -> Option<f64> {
    let seconds = sample.seconds?;
    (sample.points > 0).then(|| seconds / sample.points as f64 * of as f64)
}

/// Every page is embedded by itself, in as few calls as the endpoint's bound allows.
fn calls(given: &Given, points: u64) -> u64 {
    match given.computes {
        Computes::Nobody | Computes::Here => 0,
        Computes::Endpoint { batch_max, .. } => {
            let (page, batch) = (given.page_points.max(1), batch_max.max(1));
            let whole = points / page * page.div_ceil(batch);
            whole + (points % page).div_ceil(batch)
        }
    }
}

/// Whether the kinds of two models differ in what a server must do for them.
fn is_beside(given: &Given, kind: Kind) -> bool {
    given.to.kind == kind && given.from.kind != kind
}

#[cfg(test)]
mod tests;
