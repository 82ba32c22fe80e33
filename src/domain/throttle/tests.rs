use super::*;

fn bounds() -> Bounds {
    Bounds {
        latency_ratio: Some(1.2),
        upstream_queue: Some(10),
        ..Bounds::default()
    }
}

fn level(p99_us: u64) -> Option<Level> {
    Some(Level { p99_us })
}

fn live(p99_us: u64) -> Look {
    Look {
        live: level(p99_us),
        ..Look::default()
    }
}

/// 1000 points a second, seen once.
fn running(bounds: Bounds, before: Option<Level>) -> Throttle {
    let mut throttle = Throttle::new(bounds, before, Spent::default(), 0.0);
    throttle.paged(100, Spent::default(), 0, 100);
    throttle
}

#[test]
fn a_quiet_backfill_runs_as_fast_as_it_goes() {
    let mut throttle = running(bounds(), level(10_000));
    throttle.looked(live(12_000));
    assert_eq!((throttle.rate(), throttle.why()), (None, None));
    assert_eq!(throttle.turn(100), Turn::Go);
}

#[test]
fn slow_live_requests_halve_it_and_quiet_ones_bring_it_back_by_steps() {
    let mut throttle = running(bounds(), level(10_000));
    throttle.looked(live(12_100));
    let why = Why::Latency {
        before_us: 10_000,
        now_us: 12_100,
    };
    assert_eq!((throttle.rate(), throttle.why()), (Some(500.0), Some(why)));
    throttle.looked(live(30_000));
    assert_eq!(throttle.rate(), Some(250.0));
    // A page at that rate: the next one is due when its points' time is over, not when it ended.
    throttle.paged(100, Spent::default(), 1_000, 1_200);
    assert_eq!(
        throttle.turn(1_200),
        Turn::Wait {
            ms: 200,
            why: throttle.why()
        }
    );
    assert_eq!(throttle.turn(1_400), Turn::Go);
    let mut looks = 0;
    while let Some(rate) = throttle.rate() {
        throttle.looked(live(10_000));
        looks += 1;
        assert!(
            throttle
                .rate()
                .is_none_or(|next| (next - rate - 50.0).abs() < 1e-9)
        );
    }
    assert_eq!(looks, 15, "from a quarter, a twentieth at a time");
    assert_eq!(throttle.why(), None);
}

#[test]
fn it_never_stands_still_and_noise_is_no_trouble() {
    let mut throttle = running(bounds(), level(400));
    throttle.looked(live(1_400));
    assert_eq!(throttle.rate(), None, "within a millisecond");
    for _ in 0..100 {
        throttle.looked(live(1_401));
    }
    assert_eq!(throttle.rate(), Some(1.0));
}

#[test]
fn without_a_level_from_before_the_first_one_counts() {
    let mut throttle = running(bounds(), None);
    throttle.looked(Look::default());
    throttle.looked(live(50_000));
    assert_eq!(throttle.rate(), None);
    throttle.looked(live(70_000));
    assert_eq!(throttle.rate(), Some(500.0));
}

#[test]
fn what_is_not_bounded_is_not_watched() {
    let mut throttle = running(Bounds::default(), level(1_000));
    let look = Look {
        live: level(1_000_000),
        upstream: Upstream::Idle,
        queue: Some(1_000_000),
    };
    throttle.looked(look);
    assert_eq!(throttle.rate(), None);
}

#[test]
fn an_embedder_is_left_alone_for_as_long_as_it_says() {
    let mut throttle = running(bounds(), None);
    throttle.refused(Some(7_000), 1_000);
    assert_eq!(
        throttle.turn(1_000),
        Turn::Wait {
            ms: 7_000,
            why: Some(Why::Embedder { wait_ms: 7_000 })
        }
    );
    assert_eq!(throttle.turn(8_000), Turn::Go);
    throttle.refused(None, 8_000);
    assert_eq!(
        throttle.turn(8_000),
        Turn::Wait {
            ms: 1_000,
            why: Some(Why::Embedder { wait_ms: 1_000 })
        }
    );
    throttle.refused(Some(u64::MAX), 8_000);
    let Turn::Wait { ms, .. } = throttle.turn(8_000) else {
        panic!("it waits");
    };
    assert_eq!(ms, 300_000, "nobody is believed for ever");
}

#[test]
fn a_long_queue_slows_it_and_optimisers_only_keep_it_from_going_faster() {
    let mut throttle = running(bounds(), None);
    let queued = |queue, upstream| Look {
        queue: Some(queue),
        upstream,
        live: None,
    };
    throttle.looked(queued(10, Upstream::Optimizing));
    assert_eq!(throttle.rate(), None);
    throttle.looked(queued(11, Upstream::Idle));
    assert_eq!(
        (throttle.rate(), throttle.why()),
        (Some(500.0), Some(Why::Queue { updates: 11 }))
    );
    throttle.looked(queued(0, Upstream::Optimizing));
    assert_eq!(throttle.rate(), Some(500.0));
    throttle.looked(queued(0, Upstream::Idle));
    assert_eq!(throttle.rate(), Some(550.0));
    throttle.looked(queued(0, Upstream::Failing));
    assert_eq!(throttle.why(), Some(Why::Optimizer));
}

#[test]
fn the_operators_rate_is_a_bound_whatever_else_is() {
    let mut throttle = running(bounds(), level(1_000));
    throttle.set_rate(Some(200));
    throttle.paged(100, Spent::default(), 1_000, 1_010);
    let why = Some(Why::Rate {
        points_per_second: 200,
    });
    assert_eq!(throttle.turn(1_010), Turn::Wait { ms: 490, why });
    throttle.looked(live(1_000_000));
    assert_eq!(
        (throttle.rate(), throttle.why()),
        (Some(200.0), why),
        "half of the fastest is more"
    );
    throttle.set_rate(None);
    assert!(throttle.rate().is_some_and(|rate| rate > 200.0));
}

#[test]
fn a_budget_holds_for_its_time() {
    let bounds = Bounds {
        per_minute: Budget {
            tokens: Some(100),
            ..Budget::default()
        },
        in_all: Budget {
            requests: Some(3),
            money: Some(1.0),
            ..Budget::default()
        },
        ..Bounds::default()
    };
    let spent = Spent {
        requests: 1,
        tokens: 100,
    };
    let mut throttle = Throttle::new(bounds, None, Spent::default(), 0.0);
    assert_eq!(throttle.turn(60_000), Turn::Go);
    throttle.paged(10, spent, 60_000, 61_000);
    let why = Some(Why::Minute { unit: Unit::Tokens });
    assert_eq!(throttle.turn(61_000), Turn::Wait { ms: 59_000, why });
    assert_eq!(throttle.turn(120_000), Turn::Go);
    throttle.paged(10, spent, 120_000, 120_001);
    throttle.paged(10, spent, 180_000, 180_001);
    let why = Some(Why::Spent { unit: Unit::Requests });
    assert!(matches!(throttle.turn(1_000_000), Turn::Wait { why: said, .. } if said == why));

    // What an earlier process spent counts.
    let mut dear = Throttle::new(
        bounds,
        None,
        Spent {
            requests: 1,
            tokens: 500_000,
        },
        2.0,
    );
    let why = Some(Why::Spent { unit: Unit::Money });
    assert!(matches!(dear.turn(0), Turn::Wait { why: said, .. } if said == why));
}

#[test]
fn a_bucket_holds_what_it_says() {
    let mut last = 0;
    for us in (0..10_000u64).chain((10_000..20_000_000).step_by(997)) {
        let at = bucket(us);
        assert!(at >= last && at < BUCKETS, "{us}");
        last = at;
    }
    assert_eq!(last, BUCKETS - 1);
}

#[test]
fn the_p99_is_within_an_eighth() {
    let mut window = Window::default();
    for us in (1_000..11_000u64).step_by(10) {
        window.0[bucket(us)] += 1;
    }
    let p99 = window.level().expect("enough").p99_us;
    assert!((10_900..=10_900 * 9 / 8).contains(&p99), "{p99}");
    assert_eq!(window.since(&window).level(), None, "too few to say");
}
