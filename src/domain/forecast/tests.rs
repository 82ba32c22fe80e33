use super::*;
use crate::domain::model::Distance;

fn model(id: &str, kind: Kind, dimension: u32) -> Model {
    Model {
        id: id.parse().expect("an id"),
        kind,
        dimension,
        distance: Distance::Cosine,
        query_prompt: String::new(),
        document_prompt: String::new(),
    }
}

fn given() -> Given {
    Given {
        key: FieldKey::from("docs"),
        from: model("old@1", Kind::Dense, 384),
        from_space: "".into(),
        from_keeping: Keeping::PLAIN,
        to: model("new@1", Kind::Dense, 768),
        to_space: "@new@1".into(),
        to_keeping: Keeping::PLAIN,
        computes: Computes::Endpoint {
            batch_max: 64,
            price_per_million_tokens: Some(0.02),
        },
        has_source: true,
        server: "1.18.3".to_owned(),
        is_cluster: Some(false),
        replicas: 1,
        points: 1_000,
        untagged: 1_000,
        page_points: 100,
        strict_path: None,
        sample: Some(Sample {
            points: 10,
            unsourced: 1,
            tokens_estimated: 1_005,
            seconds: Some(0.5),
            rows_mean: None,
            error: None,
        }),
        obstacles: Vec::new(),
    }
}

#[test]
fn what_is_sampled_is_scaled_to_all_points() {
    let forecast = forecast(&given());
    assert_eq!(forecast.need, Need::Embed);
    assert_eq!(forecast.embedder_calls, 10 * 2);
    assert_eq!(forecast.tokens_estimated, Some(100_500));
    assert_eq!(forecast.unsourced_estimated, Some(100));
    assert_eq!(forecast.seconds_estimated, Some(50.0));
    let cost = forecast.cost_estimated.expect("a cost");
    assert!((cost - 0.002_01).abs() < 1e-12, "{cost}");
    assert!(forecast.obstacles.is_empty());
}

#[test]
fn a_page_that_is_not_full_needs_fewer_calls() {
    let mut given = given();
    for (points, calls) in [(0, 0), (1, 1), (64, 1), (65, 2), (100, 2), (130, 3), (165, 4)] {
        given.points = points;
        assert_eq!(forecast(&given).embedder_calls, calls, "{points} points");
    }
    given.computes = Computes::Here;
    assert_eq!(forecast(&given).embedder_calls, 0);
    assert_eq!(forecast(&given).cost_estimated, None);
}

#[test]
fn bytes_follow_from_how_vectors_are_kept() {
    let mut given = given();
    given.points = 10;
    given.from_keeping = Keeping {
        bits: 16.0,
        on_disk: true,
        quantized: Some(Quantized {
            bits: 1.0,
            always_ram: true,
        }),
    };
    let plan = forecast(&given);
    assert_eq!(plan.spaces[0].memory_bytes, Some(10 * 384 / 8));
    assert_eq!(plan.spaces[0].disk_bytes, Some(10 * (384 * 2 + 384 / 8)));
    assert_eq!(plan.spaces[1].memory_bytes, Some(10 * 768 * 4));
    assert_eq!(plan.memory_bytes, Some(10 * (384 / 8 + 768 * 4)));
    given.replicas = 3;
    assert_eq!(forecast(&given).spaces[1].disk_bytes, Some(3 * 10 * 768 * 4));
}

#[test]
fn a_multivector_is_as_large_as_its_rows_in_the_sample() {
    let mut given = given();
    given.to = model("late@1", Kind::Multivector, 128);
    assert_eq!(forecast(&given).memory_bytes, None, "nobody saw a row");
    if let Some(sample) = &mut given.sample {
        sample.rows_mean = Some(2.5);
    }
    let plan = forecast(&given);
    assert_eq!(plan.spaces[1].memory_bytes, Some(1_000 * 128 * 4 * 5 / 2));
    assert!(plan.warnings.iter().any(|warning| warning.contains("on_disk")));
    given.to_keeping.on_disk = true;
    assert!(
        !forecast(&given)
            .warnings
            .iter()
            .any(|warning| warning.contains("on_disk"))
    );
}

#[test]
fn the_model_that_serves_needs_no_migration() {
    let mut given = given();
    given.to = given.from.clone();
    let plan = forecast(&given);
    assert_eq!(plan.need, Need::CollectionUpdate);
    assert_eq!((plan.embedder_calls, plan.tokens_estimated), (0, Some(0)));
    assert_eq!(plan.spaces.len(), 1);
}

#[test]
fn without_a_text_or_an_embedder_clients_bring_the_vectors() {
    let mut given = given();
    given.has_source = false;
    assert_eq!(forecast(&given).need, Need::ClientsBring);
    given.has_source = true;
    given.computes = Computes::Nobody;
    assert_eq!(forecast(&given).need, Need::ClientsBring);
}

#[test]
fn an_old_server_is_an_obstacle() {
    let mut given = given();
    for (server, in_place) in [
        ("1.18.0", true),
        ("v1.19.2-dev", true),
        ("1.17.9", false),
        ("?", false),
    ] {
        given.server = server.to_owned();
        let plan = forecast(&given);
        assert_eq!(plan.layout.in_place, in_place, "{server}");
        assert_eq!(plan.obstacles.is_empty(), in_place, "{server}");
    }
}

#[test]
fn a_strict_collection_wants_its_index_named() {
    let mut given = given();
    given.strict_path = Some("_embedding.\"\".write_id".to_owned());
    let plan = forecast(&given);
    assert!(
        plan.warnings
            .iter()
            .any(|warning| warning.contains("_embedding.\"\".write_id"))
    );
}

#[test]
fn tokens_are_a_quarter_of_ascii_and_all_of_the_rest() {
    for (text, tokens) in [
        ("", 0),
        ("a", 1),
        ("abcd", 1),
        ("abcde", 2),
        ("日本", 2),
        ("ab日", 2),
    ] {
        assert_eq!(tokens_estimated(text), tokens, "{text}");
    }
}
