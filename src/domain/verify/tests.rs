use super::*;
use crate::domain::plan::Embedding;

fn marks() -> Vec<String> {
    vec!["old@1#a".to_owned(), "new@1#b".to_owned()]
}

fn point(claims: [Option<&str>; 2], vectors: [bool; 2]) -> Seen {
    let spaces = claims
        .into_iter()
        .zip(vectors)
        .map(|(claim, has_vector)| InSpace {
            has_vector,
            claim: claim.map(str::to_owned),
        });
    Seen {
        write_id: Some("w".to_owned()),
        source_hash: Some("h".to_owned()),
        text_hash: Some("h".to_owned()),
        spaces: spaces.collect(),
    }
}

fn good() -> Seen {
    point([Some("old@1#a"), Some("new@1#b")], [true, true])
}

#[test]
fn each_difference_is_told_with_its_space() {
    use Difference::{Absent, EmptyClaim, ForeignClaim, StaleSource, Unclaimed, Unproven, Untagged};
    let old = Some("old@1#a");
    let stale = Seen {
        text_hash: Some("other".to_owned()),
        ..good()
    };
    let silent = Seen {
        text_hash: None,
        ..good()
    };
    let legacy = Seen {
        write_id: None,
        ..point([None, None], [true, false])
    };
    for (seen, expected) in [
        (good(), vec![]),
        (point([None, None], [false, false]), vec![]),
        (point([old, None], [true, false]), vec![(Absent, 1)]),
        (point([old, None], [true, true]), vec![(Unclaimed, 1)]),
        (
            point([old, Some("new@1#b")], [true, false]),
            vec![(EmptyClaim, 1)],
        ),
        (
            point([old, Some("new@2#c")], [true, true]),
            vec![(ForeignClaim, 1)],
        ),
        (stale, vec![(StaleSource, 0), (StaleSource, 1)]),
        (silent, vec![(Unproven, 0), (Unproven, 1)]),
        (legacy, vec![(Untagged, 0), (Absent, 1)]),
    ] {
        assert_eq!(seen.differences(&marks()), expected, "{seen:?}");
    }
}

#[test]
fn a_repair_takes_away_what_is_false_and_nothing_that_could_not_come_back() {
    let empty = point([Some("old@1#a"), Some("new@1#b")], [true, false]);
    let found = empty.differences(&marks());
    assert_eq!(empty.kept_claims(&found, &[false, false]), Some(vec![0]));
    let stale = Seen {
        text_hash: Some("other".to_owned()),
        ..good()
    };
    let found = stale.differences(&marks());
    assert_eq!(stale.kept_claims(&found, &[true, true]), Some(vec![]));
    assert_eq!(
        stale.kept_claims(&found, &[false, true]),
        None,
        "nobody could make it anew"
    );
    assert_eq!(good().kept_claims(&[], &[true, true]), None);
    let deviates = [(Difference::Deviating, 1)];
    assert_eq!(good().kept_claims(&deviates, &[true, true]), Some(vec![0]));
}

#[test]
fn a_digest_tells_points_writes_and_their_order_apart() {
    let chain = |points: &[(&str, &str, &str)]| {
        points
            .iter()
            .fold(Digest::default(), |digest, (id, write, hash)| {
                digest.with(id, write, hash)
            })
    };
    let one = chain(&[("1", "a", "x"), ("2", "b", "")]);
    assert_eq!(one, chain(&[("1", "a", "x"), ("2", "b", "")]));
    assert_eq!(one.to_string().parse::<Digest>().unwrap(), one);
    for other in [
        chain(&[("2", "b", ""), ("1", "a", "x")]),
        chain(&[("1", "a", "x")]),
        chain(&[("1", "a", "x"), ("2", "c", "")]),
        chain(&[("1", "a", ""), ("2", "b", "x")]),
        chain(&[("1", "ax", ""), ("2", "b", "")]),
        Digest::default(),
    ] {
        assert_ne!(one, other);
    }
}

#[test]
fn a_sample_is_about_as_large_as_asked_and_the_same_again() {
    let drawn = |seed| {
        (0..10_000)
            .filter(|id| is_sampled(seed, &id.to_string(), 500, 10_000))
            .count()
    };
    assert!((350..650).contains(&drawn(1)), "{}", drawn(1));
    assert!(
        (0..100).all(|id: u32| is_sampled(7, &id.to_string(), 100, 100)),
        "all of them"
    );
    assert!(
        (0..100).all(|id: u32| !is_sampled(7, &id.to_string(), 0, 100)),
        "none of them"
    );
    assert_ne!(
        (0..64)
            .map(|id: u32| is_sampled(1, &id.to_string(), 32, 64))
            .collect::<Vec<_>>(),
        (0..64)
            .map(|id: u32| is_sampled(2, &id.to_string(), 32, 64))
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_cosine_is_of_two_of_one_shape() {
    let dense = |data: &[f32]| Embedding::Dense(data.to_vec());
    let near = |a: Option<f64>, b: f64| assert!((a.unwrap() - b).abs() < 1e-6, "{a:?} {b}");
    near(cosine(&dense(&[1.0, 0.0]), &dense(&[2.0, 0.0])), 1.0);
    near(cosine(&dense(&[1.0, 0.0]), &dense(&[0.0, 3.0])), 0.0);
    near(cosine(&dense(&[0.0]), &dense(&[0.0])), 1.0);
    assert_eq!(cosine(&dense(&[1.0]), &dense(&[1.0, 0.0])), None);
    let sparse = |indices: &[u32], values: &[f32]| Embedding::Sparse {
        indices: indices.to_vec(),
        values: values.to_vec(),
    };
    near(
        cosine(&sparse(&[1, 5], &[1.0, 1.0]), &sparse(&[5], &[1.0])),
        0.5f64.sqrt(),
    );
    assert_eq!(cosine(&sparse(&[1], &[1.0]), &dense(&[1.0])), None);
    let multi = |rows: &[[f32; 2]]| Embedding::Multi(rows.iter().map(|row| row.to_vec()).collect());
    near(
        cosine(
            &multi(&[[1.0, 0.0], [0.0, 1.0]]),
            &multi(&[[1.0, 0.0], [1.0, 1.0]]),
        ),
        0.5f64.sqrt(),
    );
    assert_eq!(cosine(&multi(&[[1.0, 0.0]]), &multi(&[])), None);
}
