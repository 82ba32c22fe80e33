//! Depths and counts.

use super::refusals::refused;
use super::scanned;
use crate::domain::op::Verb;
use crate::domain::refusal::RefusalKind;

#[test]
fn bounds_are_held() {
    let deep = |levels: usize| format!("{}{}", "{\"prefetch\":".repeat(levels), "{}") + &"}".repeat(levels);
    assert!(scanned(Verb::Query, &deep(3)).is_ok());
    refused(Verb::Query, &deep(4), "too_deep", "prefetches");
    let payload = format!(
        r#"{{"points":[{{"id":1,"vector":[1],"payload":{{"a":{}{}}}}}]}}"#,
        "[".repeat(40),
        "]".repeat(40)
    );
    refused(Verb::Upsert, &payload, "too_deep", "40");
    for (verb, body) in [
        (
            Verb::QueryBatch,
            format!(r#"{{"searches":[{}]}}"#, ["{}"; 5].join(",")),
        ),
        (
            Verb::UpdateBatch,
            format!(
                r#"{{"operations":[{}]}}"#,
                [r#"{"delete":{"points":[]}}"#; 5].join(",")
            ),
        ),
        (
            Verb::Upsert,
            format!(r#"{{"points":[{}]}}"#, [r#"{"id":1,"vector":[1]}"#; 9].join(",")),
        ),
        (Verb::Delete, format!(r#"{{"points":[{}]}}"#, ["1"; 9].join(","))),
        (
            Verb::Upsert,
            format!(r#"{{"batch":{{"ids":[{}],"vectors":[]}}}}"#, ["1"; 9].join(",")),
        ),
    ] {
        refused(verb, &body, "too_many_items", "split it");
        assert_eq!(scanned(verb, &body).unwrap_err().kind, RefusalKind::TooLarge);
    }
}

#[test]
fn the_deepest_body_that_is_taken_fits_a_small_stack() {
    const STACK_BYTES: usize = 1 << 20;
    let lens = crate::wire::Lens {
        limits: crate::wire::Limits::default(),
        ..super::LENS
    };
    let levels = lens.limits.json_depth_max;
    let nest =
        |open: &str, close: &str, count: usize| format!("{}{{}}{}", open.repeat(count), close.repeat(count));
    let filter = nest("{\"must\":[", "]}", levels / 2 - 1);
    let formula = format!("{}1{}", "{\"neg\":".repeat(levels - 2), "}".repeat(levels - 2));
    for (verb, body) in [
        (Verb::Query, format!("{{\"filter\":{filter}}}")),
        (Verb::Query, format!("{{\"query\":{{\"formula\":{formula}}}}}")),
        (
            Verb::Query,
            nest("{\"prefetch\":[", "]}", lens.limits.prefetch_depth_max),
        ),
        (
            Verb::SetPayload,
            format!(
                "{{\"points\":[1],\"payload\":{}}}",
                nest("{\"a\":", "}", levels - 2)
            ),
        ),
    ] {
        let deep = move || super::super::scan(verb, "c", body.as_bytes(), &lens).map(drop);
        let thread = std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(deep)
            .unwrap();
        assert_eq!(thread.join().unwrap(), Ok(()));
    }
}
