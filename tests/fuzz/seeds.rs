//! Whole requests to start from, made by the generators of the wire layer's own properties. The same ones every time.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use prost::Message;

use crate::domain::op::Verb;
use crate::{bodies, generate, generate_reads};

/// `count` requests of each kind, each after the byte that names its verb and one that chooses its edits.
pub fn protobuf(count: u8) -> Vec<Vec<u8>> {
    let mut runner = TestRunner::deterministic();
    let mut seeds = Vec::new();
    let mut of = |verb: u8, bodies: BoxedStrategy<Vec<u8>>| {
        for how in 0..count {
            let tree = bodies
                .new_tree(&mut runner)
                .expect("the generators make something");
            let mut seed = vec![verb, how.wrapping_mul(37)];
            seed.extend_from_slice(&tree.current());
            seeds.push(seed);
        }
    };
    of(0, encoded(generate_reads::query_points()));
    of(1, encoded(generate::upsert()));
    of(2, encoded(generate::update_batch()));
    of(5, encoded(generate_reads::search()));
    of(9, encoded(generate_reads::recommend_groups()));
    of(11, encoded(generate_reads::discover()));
    of(13, encoded(generate_reads::scroll()));
    of(20, encoded(generate::overwrite()));
    of(21, encoded(generate::overwrite()));
    seeds
}

fn encoded<M: Message + std::fmt::Debug + 'static>(messages: BoxedStrategy<M>) -> BoxedStrategy<Vec<u8>> {
    messages.prop_map(|message| message.encode_to_vec()).boxed()
}

/// `count` bodies, each after the byte that names its verb and one that chooses its edits.
pub fn json(count: usize) -> Vec<Vec<u8>> {
    let mut runner = TestRunner::deterministic();
    let bodies = bodies::any_body();
    let seed = |how: usize| {
        let (verb, body) = bodies
            .new_tree(&mut runner)
            .expect("the generators make something")
            .current();
        let verb = match verb {
            Verb::Query => 0,
            Verb::Upsert => 1,
            Verb::UpdateBatch => 2,
            Verb::QueryBatch => 3,
            Verb::Scroll => 13,
            Verb::Facet => 16,
            _ => 18,
        };
        let mut seed = vec![verb, how.wrapping_mul(37).to_le_bytes()[0]];
        seed.extend_from_slice(body.to_string().as_bytes());
        seed
    };
    (0..count).map(seed).collect()
}
