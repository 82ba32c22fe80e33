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
    page(&mut throttle, 1_000, 0);
    throttle.looked(Look::default(), 1_000);
    throttle
}

fn page(throttle: &mut Throttle, points: u64, now_ms: u64) {
    throttle.begun(points, Spent::default(), now_ms);
    throttle.ended(points, Spent::default());
}

fn wait(throttle: &mut Throttle, now_ms: u64) -> Option<(u64, Why)> {
    match throttle.turn(now_ms) {
        Turn::Go => None,
        Turn::Wait { ms, why } => Some((ms, why)),
    }
}

#[test]
fn a_quiet_backfill_runs_as_fast_as_it_goes() {
    let mut throttle = running(bounds(), level(10_000));
    throttle.looked(live(12_000), 2_000);
    assert_eq!((throttle.rate(), throttle.why()), (None, None));
    assert_eq!((throttle.turn(2_000), throttle.page_points(128)), (Turn::Go, 128));
}

#[test]
fn slow_live_requests_halve_it_and_quiet_ones_bring_it_back_by_steps() {
    let mut throttle = running(bounds(), level(10_000));
    throttle.looked(live(12_100), 2_000);
    let why = Why::Latency {
        before_us: 10_000,
        now_us: 12_100,
    };
    assert_eq!((throttle.rate(), throttle.why()), (Some(500.0), Some(why)));
    throttle.looked(live(30_000), 3_000);
    assert_eq!(throttle.rate(), Some(250.0));
    let why = throttle.why().unwrap();
    // The next page is due when the points' time is over, not when the page ended; and at the rate of that time.
    assert_eq!(wait(&mut throttle, 3_000), None);
    page(&mut throttle, 100, 3_000);
    assert_eq!(wait(&mut throttle, 3_100), Some((300, why)));
    throttle.looked(live(10_000), 3_100);
    assert_eq!(wait(&mut throttle, 3_100), Some((250, why)));
    assert_eq!(wait(&mut throttle, 3_350), None);
    let mut looks = 0;
    while let Some(rate) = throttle.rate() {
        throttle.looked(live(10_000), 4_000 + looks);
        looks += 1;
        assert!(
            throttle
                .rate()
                .is_none_or(|next| (next - rate - 50.0).abs() < 1e-9)
        );
    }
    assert_eq!(looks, 14, "from 300, a twentieth of 1000 at a time");
    assert_eq!(throttle.why(), None);
}

#[test]
fn it_never_stands_still_and_noise_is_no_trouble() {
    let mut throttle = running(bounds(), level(400));
    throttle.looked(live(1_400), 2_000);
    assert_eq!(throttle.rate(), None, "within a millisecond");
    for _ in 0..100 {
        throttle.looked(live(1_401), 3_000);
    }
    assert_eq!(throttle.rate(), Some(10.0), "a hundredth of what it could");
    assert_eq!(throttle.page_points(128), 10);
    // Whatever was begun before, the next page is never further away than a second.
    page(&mut throttle, 1_000_000, 3_000);
    assert!(wait(&mut throttle, 3_001).is_some_and(|(ms, _)| ms <= 1_000));
    assert_eq!(wait(&mut throttle, 4_001), None);
}

#[test]
fn without_a_level_from_before_the_lowest_counts() {
    let mut throttle = running(bounds(), None);
    throttle.looked(live(70_000), 2_000);
    throttle.looked(live(50_000), 3_000);
    assert_eq!(throttle.rate(), None);
    throttle.looked(live(70_000), 4_000);
    assert_eq!(throttle.rate(), Some(500.0));
    let mut measured = running(bounds(), level(70_000));
    measured.looked(live(50_000), 2_000);
    measured.looked(live(70_000), 3_000);
    assert_eq!(measured.rate(), None, "what was measured before stands");
}

#[test]
fn what_is_not_bounded_is_not_watched() {
    let mut throttle = running(Bounds::default(), level(1_000));
    let look = Look {
        live: level(1_000_000),
        upstream: Upstream::Idle,
        queue: Some(1_000_000),
    };
    throttle.looked(look, 2_000);
    assert_eq!(throttle.rate(), None);
}

#[test]
fn an_embedder_is_left_alone_for_as_long_as_it_says() {
    let mut throttle = running(bounds(), None);
    throttle.refused(Some(7_000), 1_000);
    // The other pages of that time were refused as well: that is one refusal.
    throttle.refused(Some(5_000), 1_500);
    assert_eq!(throttle.rate(), Some(500.0));
    let why = Why::Embedder { wait_ms: 7_000 };
    assert_eq!(wait(&mut throttle, 1_000), Some((7_000, why)));
    assert_eq!(wait(&mut throttle, 8_000), None);
    throttle.refused(None, 8_000);
    assert_eq!(throttle.rate(), Some(250.0));
    let why = Why::Embedder { wait_ms: 1_000 };
    assert_eq!(wait(&mut throttle, 8_000), Some((1_000, why)));
    throttle.refused(Some(u64::MAX), 8_000);
    let (ms, _) = wait(&mut throttle, 8_000).expect("it waits");
    assert_eq!(ms, 300_000, "nobody is believed for ever");
}

#[test]
fn a_refusal_before_anything_was_filled_leaves_no_rate_behind() {
    let mut throttle = Throttle::new(bounds(), None, Spent::default(), 0.0);
    throttle.refused(Some(3_000), 0);
    assert!(wait(&mut throttle, 0).is_some());
    assert_eq!(wait(&mut throttle, 3_000), None);
    assert_eq!((throttle.rate(), throttle.page_points(128)), (None, 128));
}

#[test]
fn a_long_queue_slows_it_and_optimisers_only_keep_it_from_its_full_rate() {
    let mut throttle = running(bounds(), None);
    let queued = |queue, upstream| Look {
        queue: Some(queue),
        upstream,
        live: None,
    };
    throttle.looked(queued(10, Upstream::Optimizing), 2_000);
    assert_eq!(throttle.rate(), None);
    throttle.looked(queued(11, Upstream::Idle), 3_000);
    assert_eq!(
        (throttle.rate(), throttle.why()),
        (Some(500.0), Some(Why::Queue { updates: 11 }))
    );
    throttle.looked(queued(0, Upstream::Optimizing), 4_000);
    assert_eq!(throttle.rate(), Some(500.0));
    throttle.looked(queued(0, Upstream::Idle), 5_000);
    assert_eq!(throttle.rate(), Some(550.0));
    throttle.looked(queued(0, Upstream::Failing), 6_000);
    assert_eq!(throttle.why(), Some(Why::Optimizer));
    // However long it optimises, it does not stay at the bottom.
    for _ in 0..100 {
        throttle.looked(queued(0, Upstream::Optimizing), 7_000);
    }
    assert!(throttle.rate().is_some_and(|rate| rate >= 500.0));
}

#[test]
fn the_operators_rate_is_a_bound_whatever_else_is() {
    let mut throttle = running(bounds(), level(1_000));
    throttle.set_rate(Some(200));
    assert_eq!(throttle.page_points(500), 200);
    page(&mut throttle, 100, 1_000);
    let why = Why::Rate {
        points_per_second: 200,
    };
    assert_eq!(wait(&mut throttle, 1_010), Some((490, why)));
    throttle.looked(live(1_000_000), 1_010);
    assert_eq!(
        (throttle.rate(), throttle.why()),
        (Some(200.0), Some(why)),
        "half of the fastest is more"
    );
    throttle.set_rate(None);
    assert!(throttle.rate().is_some_and(|rate| rate > 200.0));
    let mut lifted = running(bounds(), level(1_000));
    lifted.set_rate(Some(1));
    page(&mut lifted, 100, 1_000);
    assert!(wait(&mut lifted, 1_000).is_some());
    lifted.set_rate(None);
    assert_eq!(
        wait(&mut lifted, 1_000),
        None,
        "nothing of the old rate is waited out"
    );
}

#[test]
fn a_budget_holds_for_its_time_and_for_what_is_under_way() {
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
    assert_eq!(wait(&mut throttle, 60_000), None);
    throttle.begun(10, spent, 60_000);
    let why = Why::Minute { unit: Unit::Tokens };
    assert_eq!(
        wait(&mut throttle, 60_500),
        Some((59_500, why)),
        "it will be spent"
    );
    throttle.ended(10, spent);
    assert_eq!(wait(&mut throttle, 60_500), None, "it was not");
    throttle.paid(spent);
    assert_eq!(wait(&mut throttle, 61_000), Some((59_000, why)));
    assert_eq!(wait(&mut throttle, 120_000), None);
    throttle.paid(spent);
    throttle.paid(spent);
    let why = Why::Spent { unit: Unit::Requests };
    assert_eq!(wait(&mut throttle, 1_000_000), Some((60_000, why)));

    // What an earlier process spent counts.
    let before = Spent {
        requests: 1,
        tokens: 500_000,
    };
    let mut dear = Throttle::new(bounds, None, before, 2.0);
    let why = Why::Spent { unit: Unit::Money };
    assert_eq!(wait(&mut dear, 0), Some((60_000, why)));
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
