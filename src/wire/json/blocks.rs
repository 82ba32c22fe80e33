//! Numbers of an array, 64 bytes at a time: every byte is put into a class, and the classes, a bit a byte, tell at once
//! whether all numbers of the block are right. So their lengths, which nothing can predict, cost no branches. Called by
//! `numbers`; what this does not know, such as an exponent, is looked at there.

use wide::u8x16;

/// As many as a word has bits.
const BLOCK_BYTES: usize = 64;

/// The numbers that stand whole at the beginning of `bytes`, which is a comma: how many there are, and where the comma
/// behind them stands. `None` where there is none, or anything that is wrong, unknown, or too near the end.
#[inline(always)]
pub(super) fn whole(bytes: &[u8]) -> Option<(usize, usize)> {
    Block::of(bytes.first_chunk()?).whole()
}

/// Where in a block which bytes stand: a bit each, the first byte's the lowest.
#[derive(Default)]
struct Block {
    digits: u64,
    zeros: u64,
    minuses: u64,
    points: u64,
    commas: u64,
    spaces: u64,
}

impl Block {
    #[inline(always)]
    fn of(bytes: &[u8; BLOCK_BYTES]) -> Self {
        let (parts, _) = bytes.as_chunks();
        let mut block = Self::default();
        for (part, shift) in parts.iter().zip((0..).step_by(16)) {
            let bytes = u8x16::new(*part);
            let values = bytes - u8x16::splat(b'0');
            block.digits |= bits(values.min(u8x16::splat(9)).simd_eq(values), shift);
            block.zeros |= bits(values.simd_eq(u8x16::splat(0)), shift);
            block.minuses |= bits(bytes.simd_eq(u8x16::splat(b'-')), shift);
            block.points |= bits(bytes.simd_eq(u8x16::splat(b'.')), shift);
            block.commas |= bits(bytes.simd_eq(u8x16::splat(b',')), shift);
            block.spaces |= bits(bytes.simd_eq(u8x16::splat(b' ')), shift);
        }
        block
    }

    #[inline(always)]
    fn whole(&self) -> Option<(usize, usize)> {
        let Self {
            digits,
            zeros,
            minuses,
            points,
            commas,
            spaces,
        } = *self;
        let known = digits | minuses | points | commas | spaces;
        // The first byte is a comma, so there is a last one.
        let last = (commas & below(known.trailing_ones()) | 1).ilog2();
        let after_comma = commas << 1;
        let starts = (commas | spaces) << 1 & !spaces;
        let firsts = starts & !minuses | minuses << 1;
        // A carry from behind each comma runs over everything but points, so it falls on a number's first point.
        let plain = digits | minuses | spaces;
        let first_points = plain.wrapping_add(after_comma & plain);
        let wrong = spaces & !after_comma
            | minuses & !starts
            | firsts & !digits
            | (firsts & zeros) << 1 & digits
            | points & !(digits << 1 & first_points)
            | points << 1 & !digits;
        // The last comma itself shows whether what stands before it is at its end.
        let is_right = wrong & below(last + 1) == 0;
        (is_right && last > 0).then(|| ((commas & below(last)).count_ones() as usize, last as usize))
    }
}

/// The bits below this one.
#[inline(always)]
fn below(bit: u32) -> u64 {
    u64::MAX.checked_shr(u64::BITS - bit).unwrap_or(0)
}

#[inline(always)]
fn bits(found: u8x16, shift: u32) -> u64 {
    u64::from(found.to_bitmask()) << shift
}
