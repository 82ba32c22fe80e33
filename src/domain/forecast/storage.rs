//! Bytes of vectors, from how a space is kept.

use serde::{Deserialize, Serialize};

use super::{Given, Sample};
use crate::domain::ids::VectorName;
use crate::domain::model::{Kind, Model, ModelId};

/// Bytes of one component of a sparse vector: its index and its weight.
const SPARSE_COMPONENT_BYTES: f64 = 8.0;

/// How a server keeps the vectors of a space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Keeping {
    /// Bits of one component.
    pub bits: f64,
    /// Whether they are read from disk; otherwise they are in memory too.
    pub on_disk: bool,
    /// The quantized copies, where there are any.
    pub quantized: Option<Quantized>,
}

/// Quantized copies of vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantized {
    /// Bits of one component.
    pub bits: f64,
    /// Whether they stay in memory, wherever the originals are.
    pub always_ram: bool,
}

impl Keeping {
    /// What a server does where nothing else is said: four bytes a component, in memory.
    pub const PLAIN: Self = Self {
        bits: 32.0,
        on_disk: false,
        quantized: None,
    };
}

/// The vectors of one space. Links of an index are not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpaceBytes {
    /// The real vector name.
    pub vector: VectorName,
    /// Its model.
    pub model: ModelId,
    /// In memory; absent where the size of one vector is not known.
    pub memory_bytes: Option<u64>,
    /// On disk; everything in memory is there too.
    pub disk_bytes: Option<u64>,
}

/// The serving space, and the standby where one would be made.
pub(super) fn spaces(given: &Given, moves: bool) -> Vec<SpaceBytes> {
    let from = (&given.from, &given.from_space, &given.from_keeping);
    let to = (&given.to, &given.to_space, &given.to_keeping);
    let both = [Some(from), moves.then_some(to)];
    both.into_iter()
        .flatten()
        .map(|(model, vector, keeping)| {
            // The sample says how large the target's vectors are, and nothing of the other's.
            let sample = given.sample.as_ref().filter(|_| model.id == given.to.id);
            let bytes = components(model, sample).map(|components| bytes(components, keeping));
            let copies = given.points.saturating_mul(given.replicas.max(1));
            SpaceBytes {
                vector: vector.clone(),
                model: model.id.clone(),
                memory_bytes: bytes.map(|(memory, _)| times(memory, copies)),
                disk_bytes: bytes.map(|(_, disk)| times(disk, copies)),
            }
        })
        .collect()
}

/// Four-byte-or-less components of one point; `None` where only a sample could tell and there is none.
fn components(model: &Model, sample: Option<&Sample>) -> Option<Size> {
    let rows = sample.and_then(|sample| sample.rows_mean);
    match model.kind {
        Kind::Dense => Some(Size::Components(f64::from(model.dimension))),
        Kind::Multivector => rows.map(|rows| Size::Components(rows * f64::from(model.dimension))),
        Kind::Sparse => rows.map(Size::Sparse),
    }
}

#[derive(Clone, Copy)]
enum Size {
    Components(f64),
    Sparse(f64),
}

/// In memory and on disk, of one point.
fn bytes(size: Size, keeping: &Keeping) -> (f64, f64) {
    let (original, quantized) = match size {
        Size::Sparse(components) => (components * SPARSE_COMPONENT_BYTES, 0.0),
        Size::Components(components) => {
            let of = |bits: f64| (components * bits / 8.0).ceil();
            (
                of(keeping.bits),
                keeping.quantized.map_or(0.0, |copy| of(copy.bits)),
            )
        }
    };
    let keeps_quantized = keeping
        .quantized
        .is_some_and(|copy| copy.always_ram || !keeping.on_disk);
    let memory = match keeping.on_disk {
        true => 0.0,
        false => original,
    } + match keeps_quantized {
        true => quantized,
        false => 0.0,
    };
    (memory, original + quantized)
}

fn times(bytes: f64, count: u64) -> u64 {
    // A cast from a float saturates.
    (bytes * count as f64) as u64
}
