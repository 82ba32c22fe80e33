use proptest::prelude::*;

use super::*;

/// A gate's proof, for tests of what needs one.
pub(in crate::domain) fn armed() -> Armed {
    match decide(&good()) {
        Gate::Go(armed) => armed,
        Gate::NoGo(reasons) => panic!("the good evidence has reasons against it: {reasons:?}"),
    }
}

/// The proof of an operator who insisted.
pub(in crate::domain) fn forced() -> Armed {
    match decide_forced(&good()) {
        Gate::Go(armed) => armed,
        Gate::NoGo(reasons) => panic!("nothing can be forced: {reasons:?}"),
    }
}

fn good() -> Evidence {
    Evidence {
        phase: PhaseName::Ready,
        space_in_schema: true,
        other_migration_to: None,
        points: 10,
        missing: 0,
        pending: 0,
        unsourced: 0,
        verified: None,
        must_be_verified: false,
    }
}

fn phases() -> impl Strategy<Value = PhaseName> {
    prop::sample::select(vec![
        PhaseName::Planned,
        PhaseName::Opening,
        PhaseName::DualWriting,
        PhaseName::Backfilling,
        PhaseName::Ready,
        PhaseName::ServingNew,
        PhaseName::RolledBack,
    ])
}

#[test]
fn an_empty_collection_may_flip() {
    let evidence = Evidence { points: 0, ..good() };
    assert!(matches!(decide(&evidence), Gate::Go(_)));
}

#[test]
fn every_reason_is_told_at_once() {
    let evidence = Evidence {
        phase: PhaseName::Backfilling,
        space_in_schema: false,
        other_migration_to: Some("x@1".parse().unwrap()),
        points: 10,
        missing: 2,
        pending: 3,
        unsourced: 1,
        verified: None,
        must_be_verified: true,
    };
    let Gate::NoGo(reasons) = decide(&evidence) else {
        panic!("it went");
    };
    assert_eq!(
        reasons,
        vec![
            Reason::Phase {
                phase: PhaseName::Backfilling
            },
            Reason::SpaceMissing,
            Reason::OtherMigration {
                to: "x@1".parse().unwrap()
            },
            Reason::Pending { points: 3 },
            Reason::Coverage {
                missing: 2,
                points: 10
            },
            Reason::Unsourced { points: 1 },
            Reason::Unverified,
        ]
    );
    assert!(!verdict(&evidence).go_if_forced);
    let json = serde_json::to_value(&reasons).unwrap();
    assert_eq!(json[3], serde_json::json!({"reason": "pending", "points": 3}));
    assert_eq!(serde_json::from_value::<Vec<Reason>>(json).unwrap(), reasons);
}

#[test]
fn an_operator_may_insist_on_what_can_be_filled_later_and_on_nothing_else() {
    let verified = |false_claims| {
        Some(Verified {
            finished_at_ms: 7,
            false_claims,
        })
    };
    let late = Evidence {
        phase: PhaseName::Backfilling,
        missing: 1,
        pending: 2,
        unsourced: 2,
        verified: verified(3),
        ..good()
    };
    assert!(matches!(decide(&late), Gate::NoGo(reasons) if reasons.len() == 5));
    assert!(matches!(decide_forced(&late), Gate::Go(_)));
    assert!(verdict(&late).go_if_forced && !verdict(&late).go);
    for never in [
        Evidence {
            space_in_schema: false,
            ..late.clone()
        },
        Evidence {
            phase: PhaseName::DualWriting,
            ..late.clone()
        },
        Evidence {
            other_migration_to: Some("x@1".parse().unwrap()),
            ..late.clone()
        },
    ] {
        assert!(
            matches!(decide_forced(&never), Gate::NoGo(reasons) if reasons.len() == 1),
            "{never:?}"
        );
        assert!(!verdict(&never).go_if_forced);
    }
    let shown = verdict(&Evidence {
        verified: verified(0),
        must_be_verified: true,
        ..good()
    });
    assert_eq!(
        shown.favours,
        [
            Favour::SpaceStands,
            Favour::Covered { points: 10 },
            Favour::NothingPending,
            Favour::Verified { finished_at_ms: 7 },
        ]
    );
    assert!(shown.go && shown.reasons.is_empty());
}

proptest! {
    #[test]
    fn it_goes_only_where_nothing_is_missing_or_pending(
        phase in phases(),
        space_in_schema: bool,
        other: bool,
        points in 0u64..5,
        missing in 0u64..3,
        pending in 0u64..3,
        unsourced in 0u64..3,
    ) {
        let other_migration_to = other.then(|| "x@1".parse().unwrap());
        let evidence = Evidence { phase, space_in_schema, other_migration_to, points, missing, pending, unsourced, ..good() };
        let complete = space_in_schema && !other && missing == 0 && pending == 0;
        let far_enough = matches!(phase, PhaseName::Ready | PhaseName::ServingNew | PhaseName::RolledBack);
        match decide(&evidence) {
            Gate::Go(_) => prop_assert!(complete && far_enough),
            Gate::NoGo(reasons) => {
                prop_assert!(!(complete && far_enough));
                prop_assert!(!reasons.is_empty());
            }
        }
    }
}
