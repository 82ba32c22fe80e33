//! Answers: what is taken out of them, against prost and serde_json.

mod json;
mod pb;

use interlock::domain::ids::VectorName;
use interlock::domain::plan::Unwrite;

use super::RESERVED;

/// Reads a byte for the encoding and the verb, one for what may be shown, and an answer. Holds that rewriting and
/// decoding is decoding and editing, and that nothing hidden can be decoded from what comes out of any bytes.
pub fn check(data: &[u8]) {
    let [kind, how, answer @ ..] = data else { return };
    let shown = shown(*how);
    match kind % 2 {
        0 => pb::check(kind / 2, answer, &shown),
        _ => json::check(kind / 2, answer, &shown),
    }
}

/// Real names and the client's, which differ among themselves.
type Pairs = &'static [(&'static str, &'static str)];

const SHOWN: [Option<Pairs>; 8] = [
    Some(&[("v@m@1", "")]),
    None,
    Some(&[]),
    Some(&[("", "")]),
    Some(&[("", "text"), ("a", "a")]),
    Some(&[("v@m@1", "v"), ("text", "text"), ("a", "b")]),
    Some(&[("a", ""), ("", "a")]),
    Some(&[(
        "a",
        "a name that is much longer than the one in its place, so that lengths take another byte: it goes on and on and on",
    )]),
];

fn shown(how: u8) -> Unwrite {
    let names = |index: u8| {
        let pairs = SHOWN[usize::from(index) % SHOWN.len()]?;
        Some(
            pairs
                .iter()
                .map(|(real, client)| ((*real).into(), (*client).into()))
                .collect(),
        )
    };
    Unwrite {
        vectors: names(how),
        lookup_vectors: names(how >> 3),
        payload_key: (how & 0x40 == 0).then(|| RESERVED.to_owned()),
    }
}

/// How the client calls a vector, if it may see it.
fn client_name<'n>(real: &str, names: &'n [(VectorName, VectorName)]) -> Option<&'n str> {
    let pair = names.iter().find(|(name, _)| name.as_str() == real);
    pair.map(|(_, client)| client.as_str())
}
