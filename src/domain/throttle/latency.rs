//! How long requests take, in buckets that grow by an eighth of an octave, so that a percentile is within 9 % of true.

/// Buckets: from 8 µs up, eight an octave; the last holds everything above 8 s.
pub const BUCKETS: usize = 160;

const SHORTEST_LOG2: u32 = 3;
const PER_OCTAVE_LOG2: u32 = 3;
/// Requests that a percentile of 99 needs to mean something.
const REQUESTS_MIN: u64 = 100;

/// The bucket of a duration.
pub fn bucket(us: u64) -> usize {
    let us = us.max(1 << SHORTEST_LOG2);
    let octave = u64::BITS - 1 - us.leading_zeros();
    let within = (us >> (octave - PER_OCTAVE_LOG2)) & ((1 << PER_OCTAVE_LOG2) - 1);
    let place = ((octave - SHORTEST_LOG2) << PER_OCTAVE_LOG2) as usize + within as usize;
    place.min(BUCKETS - 1)
}

/// The longest duration of a bucket, in microseconds.
fn longest_us(bucket: usize) -> u64 {
    let octave = (bucket >> PER_OCTAVE_LOG2) as u32 + SHORTEST_LOG2;
    let within = (bucket & ((1 << PER_OCTAVE_LOG2) - 1)) as u64;
    (((1 << PER_OCTAVE_LOG2) + within + 1) << (octave - PER_OCTAVE_LOG2)) - 1
}

/// How long requests took in some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The time that 99 of 100 stayed below, in microseconds.
    pub p99_us: u64,
}

/// Counts of requests by bucket; what came between two of these is their difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window(pub [u64; BUCKETS]);

impl Default for Window {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Window {
    /// What came since an earlier one.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut counts = self.0;
        for (count, before) in counts.iter_mut().zip(earlier.0) {
            *count = count.saturating_sub(before);
        }
        Self(counts)
    }

    /// The level; `None` where there were too few requests to say.
    pub fn level(&self) -> Option<Level> {
        let all: u64 = self.0.iter().sum();
        if all < REQUESTS_MIN {
            return None;
        }
        let above_max = all / 100;
        let mut above = 0;
        for (bucket, count) in self.0.iter().enumerate().rev() {
            above += count;
            if above > above_max {
                return Some(Level {
                    p99_us: longest_us(bucket),
                });
            }
        }
        None
    }
}
