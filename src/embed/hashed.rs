//! The two local embedders, `hashed-words` and `char-ngrams`. They need no download and know no meaning: texts are
//! near where they share words, or parts of words. Called through [`super::Embedders`]; learns nothing by itself.
//!
//! Both hash features into a vector of the model's dimension with a hashed sign (Weinberger et al. 2009, "Feature
//! Hashing for Large Scale Multitask Learning"). A feature that occurs n times weighs √n, and the vector is scaled to
//! length 1. `char-ngrams` takes the n-grams of 3 to 5 characters of each word between its boundary marks (Bojanowski
//! et al. 2017, "Enriching Word Vectors with Subword Information"), which words keep through inflection and typing
//! errors; its weights hold the square root of the IDF, so that a product of two vectors counts it once.
//!
//! The hash is fixed, and nothing is computed but sums, products and square roots, which IEEE 754 rounds one way: a
//! text has the same vector in every run and on every machine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::{BadEmbedder, EmbedError, Embedder, Embedding, Idf, IdfTable, Purpose};

const FEATURE_SEED: u64 = 0x696e_7465_726c_6f63;
const NGRAM_CHARS_MIN: usize = 3;
const NGRAM_CHARS_MAX: usize = 5;
const IDF_BUCKETS: usize = 1 << 16;
/// Bytes of an IDF table count in sixteenths of a nat.
const IDF_STEPS: f64 = 16.0;
/// An n-gram that the fitted texts did not have tells them not apart, but still two other texts.
const IDF_UNSEEN: u8 = 1;
/// Texts of more bytes in sum are embedded off the async threads.
const INLINE_BYTES_MAX: usize = 16 * 1024;

/// 64-bit FNV-1a with MurmurHash3's finaliser, which spreads it over all bits.
fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let fnv = bytes.iter().fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// What a text is made of.
#[derive(Clone)]
enum Features {
    Words,
    Ngrams(Weights),
}

/// What an n-gram weighs, by its feature's hash.
#[derive(Clone)]
enum Weights {
    Uniform,
    /// The square root of each bucket's IDF.
    Fitted(std::sync::Arc<[f64]>),
}

fn ngrams(text: &str) -> Vec<u64> {
    let mut features = Vec::new();
    for word in words(text) {
        let marked = format!("<{word}>");
        let starts: Vec<usize> = marked
            .char_indices()
            .map(|(at, _)| at)
            .chain([marked.len()])
            .collect();
        for chars in NGRAM_CHARS_MIN..=NGRAM_CHARS_MAX {
            for ends in starts.windows(chars + 1) {
                features.push(hash(FEATURE_SEED, &marked.as_bytes()[ends[0]..ends[chars]]));
            }
        }
    }
    features
}

/// Another hash of the same feature: it must not say the same as the component that the feature falls into.
fn idf_bucket(feature: u64) -> usize {
    let spread = hash(feature, b"idf") % IDF_BUCKETS as u64;
    spread as usize
}

impl Features {
    /// The hashes of a text's features, each as often as it occurs.
    fn of(&self, text: &str) -> Vec<u64> {
        let mut features = match self {
            Self::Words => words(text)
                .map(|word| hash(FEATURE_SEED, word.as_bytes()))
                .collect(),
            Self::Ngrams(_) => ngrams(text),
        };
        if features.is_empty() {
            // A text without words is near other such texts, and has no null vector.
            features.push(hash(FEATURE_SEED, b""));
        }
        features.sort_unstable();
        features
    }

    fn weight(&self, feature: u64) -> f64 {
        match self {
            Self::Words | Self::Ngrams(Weights::Uniform) => 1.0,
            Self::Ngrams(Weights::Fitted(weights)) => weights[idf_bucket(feature)],
        }
    }
}

/// Vectors by feature hashing.
#[derive(Clone)]
pub(super) struct Hashed {
    features: Features,
    dimension: usize,
}

impl Hashed {
    /// `hashed-words`.
    pub(super) fn words(dimension: usize) -> Self {
        Self {
            features: Features::Words,
            dimension,
        }
    }

    /// `char-ngrams`.
    pub(super) fn ngrams(dimension: usize, idf: &Idf) -> Result<Self, BadEmbedder> {
        let weights = match idf {
            Idf::Uniform => Weights::Uniform,
            Idf::Fitted(table) => {
                let bytes = STANDARD.decode(&table.weights).map_err(|_bad| BadEmbedder::Idf)?;
                if bytes.len() != IDF_BUCKETS || bytes.contains(&0) {
                    return Err(BadEmbedder::Idf);
                }
                Weights::Fitted(
                    bytes
                        .iter()
                        .map(|idf| (f64::from(*idf) / IDF_STEPS).sqrt())
                        .collect(),
                )
            }
        };
        Ok(Self {
            features: Features::Ngrams(weights),
            dimension,
        })
    }

    fn vector(&self, text: &str) -> Vec<f32> {
        let mut sums = vec![0.0_f64; self.dimension];
        for same in self.features.of(text).chunk_by(|a, b| a == b) {
            let feature = same[0];
            let weight = (same.len() as f64).sqrt() * self.features.weight(feature);
            let sign = if feature & 1 == 0 { 1.0 } else { -1.0 };
            let component = (feature >> 1) % self.dimension as u64;
            sums[component as usize] += sign * weight;
        }
        let length = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
        if length == 0.0 {
            // All cancelled out: possible with two features of opposite sign, and no direction is right.
            sums[0] = 1.0;
        }
        let scale = if length == 0.0 { 1.0 } else { length };
        sums.iter().map(|sum| (sum / scale) as f32).collect()
    }
}

impl Embedder for Hashed {
    fn embed<'a>(
        &'a self,
        _purpose: Purpose,
        texts: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Embedding>, EmbedError>> {
        async move {
            if texts.iter().map(|text| text.len()).sum::<usize>() <= INLINE_BYTES_MAX {
                return Ok(texts
                    .iter()
                    .map(|text| Embedding::Dense(self.vector(text)))
                    .collect());
            }
            let this = self.clone();
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            let vectors = tokio::task::spawn_blocking(move || {
                texts
                    .iter()
                    .map(|text| Embedding::Dense(this.vector(text)))
                    .collect()
            });
            vectors.await.map_err(|_stopped| EmbedError::Unavailable {
                retry_after: None,
                why: "the process is shutting down".to_owned(),
            })
        }
        .boxed()
    }
}

impl IdfTable {
    /// Counts in how many of `texts` each n-gram stands. Of N texts, one that stands in n of them weighs
    /// ln((N + 1) / (n + 1)).
    pub fn fit<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut found_in = vec![0_u32; IDF_BUCKETS];
        let mut all = 0_u32;
        for text in texts {
            let mut buckets: Vec<usize> = ngrams(text).into_iter().map(idf_bucket).collect();
            buckets.sort_unstable();
            buckets.dedup();
            for bucket in buckets {
                found_in[bucket] += 1;
            }
            all += 1;
        }
        let weigh = |found: u32| {
            if found == 0 {
                return IDF_UNSEEN;
            }
            let idf = ((f64::from(all) + 1.0) / (f64::from(found) + 1.0)).ln();
            (idf * IDF_STEPS).round().clamp(1.0, 255.0) as u8
        };
        let weights: Vec<u8> = found_in.into_iter().map(weigh).collect();
        Self {
            weights: STANDARD.encode(weights),
        }
    }
}

#[cfg(test)]
mod tests;
