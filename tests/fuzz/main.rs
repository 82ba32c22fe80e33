#[path = "oracle/mod.rs"]
mod oracle;
#[test]
fn x() {
    oracle::pb::check(&[1, 2, 3]);
}
