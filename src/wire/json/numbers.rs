//! JSON numbers: where they end. Vectors are most of what comes in, so a run of numbers is passed over in blocks, and what
//! a block does not know eight bytes at a time. Called by the cursor; parses nothing.

use super::blocks;

/// Where the number ends that starts at `at`; or, where there is none, the byte that cannot be there.
#[inline(always)]
pub(super) fn end(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match bytes.get(at) {
        Some(b'0') => at + 1,
        Some(_) | None => digits(bytes, at)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = digits(bytes, at + 1)?;
    }
    match bytes.get(at) {
        Some(b'e' | b'E') => exponent(bytes, at + 1),
        Some(_) | None => Ok(at),
    }
}

/// From the end of one number over those that follow it in an array, each after a comma and perhaps a space. Gives how
/// many there are and where the last one ends; stops before anything else, right or wrong.
pub(super) fn run(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let mut count = 0;
    while bytes.get(at) == Some(&b',') {
        if let Some((numbers, length)) = blocks::whole(&bytes[at..]) {
            count += numbers;
            at += length;
            continue;
        }
        let start = at + 1 + usize::from(bytes.get(at + 1) == Some(&b' '));
        let Ok(next) = end(bytes, start) else { break };
        count += 1;
        at = next;
    }
    (count, at)
}

#[cold]
fn exponent(bytes: &[u8], at: usize) -> Result<usize, usize> {
    match bytes.get(at) {
        Some(b'+' | b'-') => digits(bytes, at + 1),
        Some(_) | None => digits(bytes, at),
    }
}

/// Where the digits end that start at `at`, one at least.
#[inline(always)]
fn digits(bytes: &[u8], start: usize) -> Result<usize, usize> {
    let mut at = start;
    let mut rest = bytes.get(start..).unwrap_or_default();
    while let Some((word, after)) = rest.split_first_chunk() {
        let others = others(u64::from_le_bytes(*word));
        if others != 0 {
            at += others.trailing_zeros() as usize / 8;
            return if at == start { Err(at) } else { Ok(at) };
        }
        at += size_of::<u64>();
        rest = after;
    }
    at += rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if at == start { Err(at) } else { Ok(at) }
}

/// The high bit of the lowest byte that is no digit; what stands above it means nothing.
#[inline(always)]
fn others(word: u64) -> u64 {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    // A digit becomes 0 to 9, and adding 0x76 leaves its high bit clear without a carry. Any other byte has it set.
    let values = word ^ (EACH * b'0' as u64);
    (values.wrapping_add(EACH * 0x76) | values) & (EACH * 0x80)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    /// Bytes of the longest prefix that is a number.
    fn longest(text: &str) -> Option<usize> {
        (1..=text.len())
            .rev()
            .filter(|end| text.is_char_boundary(*end) && !text[..*end].ends_with(char::is_whitespace))
            .find(|end| serde_json::from_str::<&RawValue>(&text[..*end]).is_ok())
    }

    #[test]
    fn every_byte_ends_the_digits_that_is_none() {
        for length in 0..20 {
            for byte in 0..=u8::MAX {
                let mut bytes = vec![b'7'; length];
                bytes.push(byte);
                bytes.extend([b'1'; 9]);
                let expected = match (byte.is_ascii_digit(), length) {
                    (true, _) => Ok(bytes.len()),
                    (false, 0) => Err(0),
                    (false, _) => Ok(length),
                };
                assert_eq!(digits(&bytes, 0), expected, "{length} digits and {byte}");
            }
        }
    }

    #[test]
    fn a_run_stops_before_what_is_no_number() {
        for (text, expected) in [
            ("", (0, 0)),
            ("]", (0, 0)),
            (",1]", (1, 2)),
            (", -0.25,1e5 ,2", (2, 11)),
            (",1,,2", (1, 2)),
            (",1,]", (1, 2)),
            (",01]", (1, 2)),
            (",1.,2", (0, 0)),
            (",-,2", (0, 0)),
            (",1,null", (1, 2)),
            (",  1", (0, 0)),
            (",1,\n2", (1, 2)),
        ] {
            assert_eq!(run(text.as_bytes(), 0), expected, "{text:?}");
        }
    }

    /// A run, number by number.
    fn run_singly(bytes: &[u8]) -> (usize, usize) {
        let (mut count, mut at) = (0, 0);
        while bytes.get(at) == Some(&b',') {
            let start = at + 1 + usize::from(bytes.get(at + 1) == Some(&b' '));
            let Ok(next) = end(bytes, start) else { break };
            (count, at) = (count + 1, next);
        }
        (count, at)
    }

    #[test]
    fn one_wrong_byte_anywhere_stops_a_run_where_it_stands() {
        let right = ",0.5,-0.25, 10,1e5,-3, 0,7.125,100.5,12345678,0.1".repeat(4);
        assert_eq!(run(right.as_bytes(), 0), (40, right.len()));
        for at in 0..right.len() {
            for byte in 0..=u8::MAX {
                let mut bytes = right.clone().into_bytes();
                bytes[at] = byte;
                assert_eq!(run(&bytes, 0), run_singly(&bytes), "{} at {at}", byte as char);
            }
        }
    }

    proptest! {
        #[test]
        fn blocks_pass_what_single_numbers_pass(
            parts in proptest::collection::vec(
                prop::sample::select(vec![",", ", ", ",-", "-", ".", "0", "0.", "5", "0.25", "123456789", "e", "E-7", " ", "]"]),
                1..80,
            )
        ) {
            let text = format!(",{}", parts.concat());
            prop_assert_eq!(run(text.as_bytes(), 0), run_singly(text.as_bytes()));
        }

        #[test]
        fn numbers_of_any_length_are_passed_in_blocks(numbers in proptest::collection::vec(any::<f32>(), 1..200), space: bool) {
            let separator = if space { ", " } else { "," };
            let text: String = numbers.iter().map(|number| format!("{separator}{number}")).collect();
            let finite = numbers.iter().take_while(|number| number.is_finite()).count();
            prop_assert_eq!(run(text.as_bytes(), 0).0, finite);
        }

        /// A number that cannot go on is refused even where a shorter one stands before it, as serde_json refuses it.
        #[test]
        fn a_number_ends_where_serde_jsons_does(
            text in proptest::collection::vec(
                prop::sample::select(vec!["-", "+", ".", "e", "E", "0", "1", "9", "1234567", "00000000", ",", " ", "é", ":", "/"]),
                1..8,
            )
        ) {
            let text = text.concat();
            let is_number = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
            match end(text.as_bytes(), 0) {
                Ok(end) => prop_assert_eq!(longest(&text).filter(|_| is_number), Some(end)),
                Err(at) => {
                    // What was passed is no number yet, and what comes next does not go on with it.
                    let begun = text.get(..at).unwrap_or_default();
                    prop_assert!(serde_json::from_str::<&RawValue>(begun).is_err(), "{}", begun);
                    prop_assert!(!text.as_bytes().get(at).is_some_and(u8::is_ascii_digit));
                }
            }
        }
    }
}
