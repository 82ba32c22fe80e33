//! A corpus whose right answers are known: documents about made-up subjects, each subject a few made-up words, each
//! document using other inflections of them. A model that knows words only by their exact form finds some of a
//! subject's documents; one that knows parts of words finds nearly all.

use std::ops::Range;

/// Documents of one subject, and so right answers to a question about it.
pub const DOCS_PER_SUBJECT: u64 = 8;
/// Subjects; each has one question.
pub const SUBJECTS: u64 = 900;
const STEMS_PER_SUBJECT: usize = 3;
const FORMS_PER_DOC: usize = 2;
const FILLERS_PER_DOC: usize = 14;
const COMMON_WORDS: usize = 240;
const SUFFIXES: [&str; 4] = ["a", "ing", "ed", "ation"];

/// The documents and questions of one seed.
pub struct Corpus {
    stems: Vec<[String; STEMS_PER_SUBJECT]>,
    common: Vec<String>,
    seed: u64,
}

/// A small generator (Steele and others 2014, SplitMix64): the same corpus on every machine.
pub struct Random(u64);

impl Random {
    /// Of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(usize::try_from(self.below(from.len() as u64)).ok()?)
    }
}

fn word(random: &mut Random, syllables: usize) -> String {
    const ONSETS: [&str; 16] = [
        "b", "br", "d", "dr", "f", "g", "gl", "k", "l", "m", "n", "p", "r", "s", "t", "v",
    ];
    const VOWELS: [&str; 6] = ["a", "e", "i", "o", "u", "ou"];
    const CODAS: [&str; 8] = ["", "n", "r", "l", "s", "m", "t", "k"];
    let mut word = String::new();
    for _ in 0..syllables {
        for part in [random.pick(&ONSETS), random.pick(&VOWELS), random.pick(&CODAS)]
            .into_iter()
            .flatten()
        {
            word.push_str(part);
        }
    }
    word
}

impl Corpus {
    /// The corpus of a seed.
    pub fn generate(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let common = (0..COMMON_WORDS).map(|_| word(&mut random, 2)).collect();
        let stems = (0..SUBJECTS)
            .map(|_| std::array::from_fn(|_| word(&mut random, 3)))
            .collect();
        Self { stems, common, seed }
    }

    /// Every document's id.
    pub fn ids(&self) -> Range<u64> {
        1..SUBJECTS * DOCS_PER_SUBJECT + 1
    }

    /// The subject of a document.
    pub fn subject_of(id: u64) -> u64 {
        (id - 1) / DOCS_PER_SUBJECT
    }

    /// The text of a document: of its first version 0, and of each later one, which is about the same subject.
    pub fn text(&self, id: u64, version: u64) -> String {
        let mut random = Random::new(self.seed ^ id.wrapping_mul(0xD134_2543_DE82_EF95) ^ (version << 40));
        let mut words = Vec::new();
        for stem in self.stems_of(Self::subject_of(id)) {
            for _ in 0..FORMS_PER_DOC {
                words.push(inflected(stem, &mut random));
            }
        }
        for _ in 0..FILLERS_PER_DOC {
            words.extend(random.pick(&self.common).cloned());
        }
        for at in (1..words.len()).rev() {
            let with = usize::try_from(random.below(at as u64 + 1)).unwrap_or(at);
            words.swap(at, with);
        }
        words.join(" ")
    }

    /// The question about a subject.
    pub fn question(&self, subject: u64) -> String {
        let mut random = Random::new(self.seed ^ subject.wrapping_mul(0x2545_F491_4F6C_DD1D));
        let words: Vec<_> = self
            .stems_of(subject)
            .iter()
            .map(|stem| inflected(stem, &mut random))
            .collect();
        words.join(" ")
    }

    /// Share of a subject's documents among the ids that came back.
    pub fn recall(&self, subject: u64, ids: impl Iterator<Item = u64>) -> f64 {
        let found = ids.filter(|id| Self::subject_of(*id) == subject).count();
        found as f64 / DOCS_PER_SUBJECT as f64
    }

    fn stems_of(&self, subject: u64) -> &[String] {
        usize::try_from(subject)
            .ok()
            .and_then(|at| self.stems.get(at))
            .map_or(&[], |stems| stems.as_slice())
    }
}

fn inflected(stem: &str, random: &mut Random) -> String {
    format!("{stem}{}", random.pick(&SUFFIXES).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_corpus_and_versions_differ() {
        let (one, two) = (Corpus::generate(7), Corpus::generate(7));
        assert_eq!(one.text(11, 0), two.text(11, 0));
        assert_eq!(one.question(3), two.question(3));
        assert_ne!(one.text(11, 0), one.text(11, 1));
        assert_ne!(one.text(11, 0), one.text(12, 0));
    }

    #[test]
    fn recall_counts_the_subjects_documents() {
        let corpus = Corpus::generate(7);
        assert_eq!(corpus.recall(0, 1..=8), 1.0);
        assert_eq!(corpus.recall(0, 5..=14), 0.5);
        assert_eq!(corpus.recall(1, 1..=8), 0.0);
    }
}
