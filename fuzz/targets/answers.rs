//! Answers over gRPC and REST.
#![no_main]

#[path = "../../tests/fuzz/oracle/mod.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|data: &[u8]| oracle::answers::check(data));
