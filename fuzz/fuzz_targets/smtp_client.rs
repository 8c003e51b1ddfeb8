//! See `fuzz::smtp_client`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::smtp_client(input));
