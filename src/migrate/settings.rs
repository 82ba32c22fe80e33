//! What the control loop is set up with. `app` fills it from the configuration.

use crate::domain::throttle::Bounds;

/// Bounds and names of the control loop.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The payload key that holds tags.
    pub reserved_key: String,
    /// The key in a collection's metadata under which its models are described.
    pub metadata_key: String,
    /// Interlock's own API key for the upstream.
    pub api_key: Option<String>,
    /// Points in one page of a backfill.
    pub page_points: u32,
    /// Pages that are embedded and set at once.
    pub pages_in_flight_max: usize,
    /// Bytes of embeddings that are kept, so that texts that come again are not embedded again; 0: none.
    pub cache_bytes_max: usize,
    /// For one call to the upstream, in milliseconds.
    pub call_timeout_ms: u64,
    /// Size of one answer of the upstream, in bytes.
    pub answer_bytes_max: usize,
    /// Attempts at one page whose points keep vanishing or changing; what is left waits for the next pass.
    pub page_attempts_max: u32,
    /// The first wait after an error, in milliseconds; it doubles with each further one.
    pub backoff_first_ms: u64,
    /// The longest wait after an error, in milliseconds.
    pub backoff_max_ms: u64,
    /// Between two looks for pending points while nothing is known to be pending, in milliseconds.
    pub look_every_ms: u64,
    /// Shortest time between two looks, whatever pokes, in milliseconds.
    pub look_gap_ms: u64,
    /// How long `start` waits for dual writing to be open before it answers, in milliseconds. The work goes on.
    pub start_wait_ms: u64,
    /// How long a flip waits for the answers of earlier tables, in milliseconds.
    pub drain_timeout_ms: u64,
    /// How far behind its time a cutover may still be made, in milliseconds: later, nobody expects it any more.
    pub cutover_late_max_ms: u64,
    /// Whether a snapshot of the collection is made before an old space is dropped.
    pub snapshot_before_retiring: bool,
    /// For the making of a snapshot, in milliseconds.
    pub snapshot_timeout_ms: u64,
    /// How often a flip asks the gate while only writes that are under way may stand against it.
    pub gate_attempts_max: u32,
    /// Between two of these, in milliseconds.
    pub gate_wait_ms: u64,
    /// Points without a source text that are listed; the others are only counted.
    pub unsourced_listed_max: usize,
    /// How long one `release` takes tags out before it says how many are left, in milliseconds.
    pub release_wait_ms: u64,
    /// Whether a cutover asks for a verification that came to its end.
    pub must_be_verified: bool,
    /// A vector whose cosine to what its model makes of its text is below this is not that model's, in percent.
    pub verify_cosine_min_percent: u32,
    /// What a backfill may disturb and spend.
    pub bounds: Bounds,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reserved_key: "_embedding".to_owned(),
            metadata_key: "interlock".to_owned(),
            api_key: None,
            page_points: 128,
            pages_in_flight_max: 4,
            cache_bytes_max: 64 * 1024 * 1024,
            call_timeout_ms: 60_000,
            answer_bytes_max: 64 * 1024 * 1024,
            page_attempts_max: 5,
            backoff_first_ms: 200,
            backoff_max_ms: 30_000,
            look_every_ms: 5_000,
            look_gap_ms: 250,
            start_wait_ms: 20_000,
            drain_timeout_ms: 120_000,
            cutover_late_max_ms: 300_000,
            snapshot_before_retiring: true,
            snapshot_timeout_ms: 3_600_000,
            gate_attempts_max: 20,
            gate_wait_ms: 50,
            unsourced_listed_max: 100,
            release_wait_ms: 20_000,
            must_be_verified: false,
            verify_cosine_min_percent: 99,
            bounds: Bounds::default(),
        }
    }
}
