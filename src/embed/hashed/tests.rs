//! Vectors that must never change, and what the n-grams are for.

use super::{Hashed, hash};
use crate::domain::embedder::{Idf, IdfTable};
use crate::embed::BadEmbedder;

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn digest(vector: &[f32]) -> u64 {
    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_bits().to_le_bytes()).collect();
    hash(0, &bytes)
}

const TEXT: &str = "The Quick brown fox — the lazy dog's Übung 42, the fox!";

#[test]
fn known_texts_have_known_vectors() {
    let small = Hashed::words(8).vector("a b a");
    let idf = Idf::Fitted(IdfTable::fit([TEXT, "a lazy fox", "another text"]));
    let vectors = [
        Hashed::words(256).vector(TEXT),
        Hashed::ngrams(256, &Idf::Uniform).unwrap().vector(TEXT),
        Hashed::ngrams(256, &idf).unwrap().vector(TEXT),
    ];
    let digests: Vec<u64> = vectors.iter().map(|vector| digest(vector)).collect();
    // √2 and 1 of √3.
    assert_eq!(small, [0.0, 0.0, 0.0, -0.577_350_26, 0.816_496_6, 0.0, 0.0, 0.0]);
    assert_eq!(
        digests,
        [
            6_416_328_634_331_079_932,
            632_443_528_231_296_479,
            7_489_670_885_457_595_477
        ]
    );
}

#[test]
fn every_vector_has_length_one_and_is_finite() {
    let idf = Idf::Fitted(IdfTable::fit(["some words", "more of them"]));
    for embedder in [
        Hashed::words(32),
        Hashed::ngrams(32, &Idf::Uniform).unwrap(),
        Hashed::ngrams(32, &idf).unwrap(),
        Hashed::words(1),
    ] {
        for text in [
            "",
            " \n—",
            "a",
            "ab",
            TEXT,
            &"word ".repeat(5000),
            "日本語 текст",
            "some words",
        ] {
            let vector = embedder.vector(text);
            assert_eq!(vector.len(), embedder.dimension);
            let length = dot(&vector, &vector).sqrt();
            assert!((length - 1.0).abs() < 1e-5, "{text:?}: {length}");
        }
    }
}

#[test]
fn case_and_punctuation_do_not_count() {
    let words = Hashed::words(256);
    assert_eq!(words.vector("Hello, WORLD"), words.vector("world (hello)"));
}

#[test]
fn inflected_and_mistyped_words_are_near_by_ngrams_and_not_by_words() {
    let words = Hashed::words(512);
    let ngrams = Hashed::ngrams(512, &Idf::Uniform).unwrap();
    for (a, b) in [
        ("migrating embeddings", "migration embedding"),
        ("retrieval", "retreival"),
        ("databases", "database"),
    ] {
        let by_ngrams = dot(&ngrams.vector(a), &ngrams.vector(b));
        let by_words = dot(&words.vector(a), &words.vector(b));
        assert!(by_ngrams > 0.3, "{a} ~ {b}: {by_ngrams}");
        assert!(by_words < 0.1, "{a} ~ {b}: {by_words}");
    }
    assert!(dot(&ngrams.vector("database"), &ngrams.vector("elephant")) < 0.2);
}

#[test]
fn a_fitted_table_makes_common_ngrams_light() {
    let texts: Vec<String> = ["storage", "network", "compiler", "kernel"]
        .iter()
        .map(|rare| format!("please note the following about the {rare}"))
        .collect();
    let idf = Idf::Fitted(IdfTable::fit(texts.iter().map(String::as_str)));
    let fitted = Hashed::ngrams(512, &idf).unwrap();
    let uniform = Hashed::ngrams(512, &Idf::Uniform).unwrap();
    let near = |embedder: &Hashed| dot(&embedder.vector(&texts[0]), &embedder.vector(&texts[1]));
    assert!(near(&fitted) < near(&uniform) / 2.0);
    assert!(dot(&fitted.vector(&texts[0]), &fitted.vector("storages")) > 0.4);
}

#[test]
fn a_damaged_table_is_refused() {
    for weights in ["", "AAAA", "!", &"A".repeat(87_384)] {
        let idf = Idf::Fitted(IdfTable {
            weights: weights.to_owned(),
        });
        assert_eq!(Hashed::ngrams(8, &idf).err(), Some(BadEmbedder::Idf));
    }
}
