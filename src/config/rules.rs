//! What types cannot say: bounds of numbers, and settings that exclude each other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use http::HeaderValue;
use tracing_subscriber::EnvFilter;

use super::problem::{Place, Problem};
use super::read::Places;
use super::sections::Config;
use super::values::Millis;
use crate::domain::access::Client;

/// One day, beyond which a time is a typing error.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Shortest admin token.
const TOKEN_CHARS_MIN: usize = 16;

/// Longest reserved key: it stands in every point.
const KEY_BYTES_MAX: usize = 64;

/// Adds what is wrong with `config`.
pub(super) fn check(config: &Config, places: &Places, problems: &mut Vec<Problem>) {
    let mut rules = Rules { places, problems };
    counts(config, &mut rules);
    migrations(config, &mut rules);
    times(config, &mut rules);
    texts(config, &mut rules);
    clients(&config.clients.keys, &mut rules);
    combinations(config, &mut rules);
}

struct Rules<'a> {
    places: &'a Places,
    problems: &'a mut Vec<Problem>,
}

impl Rules<'_> {
    fn place(&self, section: &str, key: &str) -> Place {
        let name = (section.to_owned(), key.to_owned());
        self.places.get(&name).cloned().unwrap_or(Place::Default)
    }

    fn refuse(&mut self, section: &str, key: &str, what: &str) {
        let place = self.place(section, key);
        self.problems
            .push(Problem::new(place, format!("{section}.{key} {what}")));
    }

    fn within(&mut self, section: &str, key: &str, value: impl TryInto<u64>, range: RangeInclusive<u64>) {
        if !value.try_into().is_ok_and(|value| range.contains(&value)) {
            let what = format!("must be from {} to {}", range.start(), range.end());
            self.refuse(section, key, &what);
        }
    }
}

fn counts(config: &Config, rules: &mut Rules<'_>) {
    let upstream = &config.upstream;
    rules.within("upstream", "connections", upstream.connections, 1..=64);
    rules.within("upstream", "in_flight_max", upstream.in_flight_max, 1..=1_000_000);
    rules.within(
        "upstream",
        "rest_connections_max",
        upstream.rest_connections_max,
        1..=65_535,
    );
    rules.within("upstream", "rest_idle_max", upstream.rest_idle_max, 0..=65_535);
    let limits = &config.limits;
    let gibibyte = 1024 * 1024 * 1024;
    rules.within(
        "limits",
        "body_bytes_max",
        limits.body_bytes_max,
        1024..=4 * gibibyte,
    );
    rules.within(
        "limits",
        "answer_bytes_max",
        limits.answer_bytes_max,
        1024..=4 * gibibyte,
    );
    rules.within("limits", "connections_max", limits.connections_max, 1..=1_000_000);
    // Scanners recurse: these depths fit a worker's stack with room to spare.
    rules.within("limits", "prefetch_depth_max", limits.prefetch_depth_max, 1..=64);
    rules.within("limits", "message_depth_max", limits.message_depth_max, 16..=128);
    rules.within("limits", "json_depth_max", limits.json_depth_max, 16..=256);
    rules.within("limits", "batch_items_max", limits.batch_items_max, 1..=100_000);
    rules.within("limits", "points_max", limits.points_max, 1..=10_000_000);
    rules.within(
        "limits",
        "lookup_points_max",
        limits.lookup_points_max,
        1..=1_000_000,
    );
}

fn migrations(config: &Config, rules: &mut Rules<'_>) {
    let gibibyte = 1024 * 1024 * 1024;
    let migrate = &config.migrate;
    rules.within("migrate", "page_points", migrate.page_points, 1..=10_000);
    rules.within(
        "migrate",
        "pages_in_flight_max",
        migrate.pages_in_flight_max,
        1..=64,
    );
    rules.within(
        "migrate",
        "embeddings_cache_bytes_max",
        migrate.embeddings_cache_bytes_max,
        0..=4 * gibibyte,
    );
    rules.within(
        "migrate",
        "verify_cosine_min_percent",
        migrate.verify_cosine_min_percent,
        0..=100,
    );
    rules.within(
        "migrate",
        "page_attempts_max",
        migrate.page_attempts_max,
        1..=1_000,
    );
    rules.within(
        "migrate",
        "unsourced_listed_max",
        migrate.unsourced_listed_max,
        0..=100_000,
    );
    let percent = migrate.live_p99_percent_max;
    if percent != 0 {
        rules.within("migrate", "live_p99_percent_max", percent, 101..=100_000);
    }
}

fn times(config: &Config, rules: &mut Rules<'_>) {
    let (listen, upstream) = (&config.listen, &config.upstream);
    let (drain, migrate) = (&config.drain, &config.migrate);
    let positive: [(&str, &str, Millis); 9] = [
        ("listen", "head_timeout_ms", listen.head_timeout_ms),
        ("listen", "body_idle_timeout_ms", listen.body_idle_timeout_ms),
        ("upstream", "connect_timeout_ms", upstream.connect_timeout_ms),
        ("upstream", "answer_timeout_ms", upstream.answer_timeout_ms),
        ("migrate", "call_timeout_ms", migrate.call_timeout_ms),
        ("migrate", "backoff_first_ms", migrate.backoff_first_ms),
        ("migrate", "backoff_max_ms", migrate.backoff_max_ms),
        ("migrate", "look_every_ms", migrate.look_every_ms),
        ("migrate", "look_gap_ms", migrate.look_gap_ms),
    ];
    for (section, key, value) in positive {
        rules.within(section, key, value.0, 1..=DAY_MS);
    }
    rules.within("drain", "grace_ms", drain.grace_ms.0, 0..=DAY_MS);
    rules.within("drain", "wait_ms", drain.wait_ms.0, 0..=DAY_MS);
    rules.within("migrate", "start_wait_ms", migrate.start_wait_ms.0, 0..=DAY_MS);
    if migrate.backoff_first_ms > migrate.backoff_max_ms {
        rules.refuse(
            "migrate",
            "backoff_first_ms",
            "is longer than migrate.backoff_max_ms",
        );
    }
}

fn texts(config: &Config, rules: &mut Rules<'_>) {
    if let Some(key) = &config.upstream.api_key
        && HeaderValue::from_str(key.expose()).is_err()
    {
        rules.refuse("upstream", "api_key", "holds characters that no header can carry");
    }
    if let Some(token) = &config.admin.token {
        let text = token.expose();
        if text.len() < TOKEN_CHARS_MIN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            rules.refuse("admin", "token", "must be visible ASCII of 16 characters or more");
        }
    }
    for (key, value) in [
        ("key", &config.tags.key),
        ("metadata_key", &config.tags.metadata_key),
    ] {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if value.is_empty() || value.len() > KEY_BYTES_MAX || !value.bytes().all(is_plain) {
            rules.refuse("tags", key, "must be 1 to 64 letters, digits, `_` or `-`");
        }
    }
    if config.data.dir.as_os_str().is_empty() {
        rules.refuse("data", "dir", "must name a directory");
    }
    if let Err(error) = EnvFilter::try_new(&config.log.level) {
        rules.refuse(
            "log",
            "level",
            &format!("is no level and no list of directives: {error}"),
        );
    }
}

/// Every key of every request is compared with every one of these.
const KEYS_MAX: usize = 1_000;

fn clients(clients: &[Client], rules: &mut Rules<'_>) {
    let mut refuse = |what: String| rules.refuse("clients", "keys", &what);
    if clients.len() > KEYS_MAX {
        refuse(format!("has more than {KEYS_MAX} clients"));
    }
    let mut names = BTreeSet::new();
    let mut hashes = BTreeMap::new();
    for client in clients {
        let name = &client.name;
        if name.is_empty() || !names.insert(name) {
            refuse(format!("has a client with no name of its own: `{name}`"));
        }
        if let Some(other) = hashes.insert(client.sha256, name) {
            refuse(format!("gives `{other}` and `{name}` the same key"));
        }
        let models: BTreeSet<_> = client.models.iter().collect();
        if models.len() < client.models.len() {
            refuse(format!("lists a model of `{name}` twice"));
        }
    }
}

fn combinations(config: &Config, rules: &mut Rules<'_>) {
    match (&config.upstream.grpc, &config.upstream.rest) {
        (Some(_), None) => {
            rules.refuse(
                "upstream",
                "grpc",
                "is set and upstream.rest is not: set both, or none",
            );
        }
        (None, Some(_)) => {
            rules.refuse(
                "upstream",
                "rest",
                "is set and upstream.grpc is not: set both, or none",
            );
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    let listen = &config.listen;
    if !listen.admin.ip().is_loopback() && config.admin.token.is_none() {
        let what = "is not on loopback: set admin.token, or listen on 127.0.0.1";
        rules.refuse("listen", "admin", what);
    }
    let mut seen: BTreeMap<&str, SocketAddr> = BTreeMap::new();
    for (key, address) in [
        ("http", listen.http),
        ("grpc", listen.grpc),
        ("admin", listen.admin),
    ] {
        if let Some((other, _)) = seen.iter().find(|(_, other)| is_collision(**other, address)) {
            rules.refuse("listen", key, &format!("takes the same port as listen.{other}"));
        }
        seen.insert(key, address);
    }
}

/// Port 0 is any free port, so two of them never collide.
fn is_collision(one: SocketAddr, other: SocketAddr) -> bool {
    let overlap = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && overlap
}
