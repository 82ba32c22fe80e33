//! Grouping, prompts, order and the checks on what comes back, with an embedder that keeps what it was asked.

use std::sync::{Arc, Mutex};

use futures_util::future::{self, BoxFuture, FutureExt as _};

use super::{BadEmbedder, Embedders, Registered};
use crate::domain::embedder::{EmbedderSpec, Idf};
use crate::domain::model::{Distance, Kind, Model};
use crate::domain::plan::{Embed, Embedding, Purpose};
use crate::embed::{EmbedError, Embedder};

fn model(id: &str) -> Model {
    Model {
        id: id.parse().unwrap(),
        kind: Kind::Dense,
        dimension: 1,
        distance: Distance::Cosine,
        query_prompt: "query: ".to_owned(),
        document_prompt: String::new(),
    }
}

fn embed(id: &str, purpose: Purpose, text: &str) -> Embed {
    Embed {
        model: id.parse().unwrap(),
        purpose,
        text: text.to_owned(),
        required: true,
    }
}

type Calls = Arc<Mutex<Vec<(Purpose, Vec<String>)>>>;

/// Answers with each text's length, or as it is told.
struct Recording {
    calls: Calls,
    answer: Option<Result<Vec<Embedding>, EmbedError>>,
}

impl Embedder for Recording {
    fn embed<'a>(
        &'a self,
        purpose: Purpose,
        texts: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Embedding>, EmbedError>> {
        let asked = texts.iter().map(|text| (*text).to_owned()).collect();
        self.calls.lock().unwrap().push((purpose, asked));
        let lengths = || {
            texts
                .iter()
                .map(|text| Embedding::Dense(vec![text.len() as f32]))
                .collect()
        };
        future::ready(self.answer.clone().unwrap_or_else(|| Ok(lengths()))).boxed()
    }
}

fn add(embedders: &Embedders, model: Model, answer: Option<Result<Vec<Embedding>, EmbedError>>) -> Calls {
    let calls = Calls::default();
    let mut all = (**embedders.by_model.load()).clone();
    let embedder = Recording {
        calls: calls.clone(),
        answer,
    };
    let id = model.id.clone();
    let entry = Registered {
        model,
        embedder: Some(Arc::new(embedder)),
    };
    all.insert(id, Arc::new(entry));
    embedders.by_model.store(Arc::new(all));
    calls
}

#[tokio::test]
async fn each_model_and_purpose_gets_one_call_with_its_prompt_and_the_order_is_kept() {
    let embedders = Embedders::new();
    let a = add(&embedders, model("a"), None);
    let b = add(&embedders, model("b"), None);
    let asked = [
        embed("a", Purpose::Document, "1"),
        embed("b", Purpose::Document, "22"),
        embed("a", Purpose::Query, "333"),
        embed("a", Purpose::Document, "4444"),
    ];
    let vectors = embedders.embed_all(&asked).await.unwrap();
    let expected = [1.0, 2.0, 10.0, 4.0].map(|length| Embedding::Dense(vec![length]));
    assert_eq!(vectors, expected);
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        *a.lock().unwrap(),
        [
            (Purpose::Document, texts(&["1", "4444"])),
            (Purpose::Query, texts(&["query: 333"])),
        ]
    );
    assert_eq!(*b.lock().unwrap(), [(Purpose::Document, texts(&["22"]))]);
    assert_eq!(embedders.embed_all(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn what_does_not_fit_the_model_is_refused() {
    let dense = |rows: &[&[f32]]| rows.iter().map(|row| Embedding::Dense(row.to_vec())).collect();
    let sparse = Embedding::Sparse {
        indices: vec![1],
        values: vec![1.0],
    };
    let answers: [Vec<Embedding>; 8] = [
        vec![],
        dense(&[&[1.0], &[1.0]]),
        dense(&[&[1.0, 2.0]]),
        dense(&[&[]]),
        dense(&[&[f32::NAN]]),
        dense(&[&[f32::INFINITY]]),
        vec![sparse],
        vec![Embedding::Multi(vec![vec![1.0]])],
    ];
    for answer in answers {
        let embedders = Embedders::new();
        add(&embedders, model("a"), Some(Ok(answer.clone())));
        let failed = embedders.embed_all(&[embed("a", Purpose::Document, "x")]).await;
        let error = failed.unwrap_err().error;
        assert_eq!(error.kind(), "wrong_shape", "{answer:?}");
    }
}

#[tokio::test]
async fn a_required_failure_is_told_before_one_that_is_not() {
    let embedders = Embedders::new();
    add(&embedders, model("a"), Some(Err(EmbedError::Busy)));
    add(&embedders, model("b"), Some(Err(EmbedError::Timeout)));
    let mut optional = embed("a", Purpose::Document, "x");
    optional.required = false;
    let required = embed("b", Purpose::Document, "x");
    let failure = embedders
        .embed_all(&[optional.clone(), required])
        .await
        .unwrap_err();
    assert_eq!(
        (failure.index, failure.required, failure.error),
        (1, true, EmbedError::Timeout)
    );
    let failure = embedders.embed_all(&[optional]).await.unwrap_err();
    assert_eq!(
        (failure.index, failure.required, failure.error),
        (0, false, EmbedError::Busy)
    );
}

#[tokio::test]
async fn a_model_without_an_embedder_says_so() {
    let embedders = Embedders::new();
    let asked = [embed("a", Purpose::Query, "x")];
    let error = embedders.embed_all(&asked).await.unwrap_err().error;
    assert_eq!(error, EmbedError::NoEmbedder);
    embedders.insert(&model("a"), &EmbedderSpec::None).unwrap();
    let error = embedders.embed_all(&asked).await.unwrap_err().error;
    assert_eq!(error, EmbedError::NoEmbedder);
    assert!(embedders.get(&model("a").id).is_none());
}

#[tokio::test]
async fn a_specification_makes_an_embedder_of_the_models_dimension() {
    let embedders = Embedders::new();
    let mut wide = model("a");
    wide.dimension = 64;
    let long = "words of some length ".repeat(4000);
    for spec in [
        EmbedderSpec::HashedWords {},
        EmbedderSpec::CharNgrams { idf: Idf::Uniform },
    ] {
        embedders.insert(&wide, &spec).unwrap();
        let asked = [
            embed("a", Purpose::Document, "short"),
            embed("a", Purpose::Document, &long),
        ];
        let together = embedders.embed_all(&asked).await.unwrap();
        let alone = embedders.embed_all(&asked[..1]).await.unwrap();
        assert_eq!(together[0], alone[0]);
        assert!(matches!(&together[1], Embedding::Dense(row) if row.len() == 64));
    }
}

#[test]
fn a_model_that_an_embedder_cannot_serve_is_refused() {
    let embedders = Embedders::new();
    let mut sparse = model("a");
    sparse.kind = Kind::Sparse;
    let words = EmbedderSpec::HashedWords {};
    assert_eq!(embedders.insert(&sparse, &words), Err(BadEmbedder::Kind));
    let mut none = model("a");
    none.dimension = 0;
    let refused = embedders.insert(&none, &words);
    assert!(matches!(
        refused,
        Err(BadEmbedder::Bound {
            name: "dimension",
            ..
        })
    ));
}

#[test]
fn specifications_have_one_spelling() {
    for text in [
        r#"{"kind":"hashed-words"}"#,
        r#"{"kind":"char-ngrams","idf":"uniform"}"#,
        r#"{"kind":"none"}"#,
    ] {
        let spec: EmbedderSpec = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&spec).unwrap(), text);
    }
    let openai = r#"{"kind":"openai","url":"http://h/","model":"m"}"#;
    let spec: EmbedderSpec = serde_json::from_str(openai).unwrap();
    let again: EmbedderSpec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
    assert_eq!(spec, again);
    assert!(
        serde_json::from_str::<EmbedderSpec>(r#"{"kind":"openai","url":"u","model":"m","x":1}"#).is_err()
    );
}
