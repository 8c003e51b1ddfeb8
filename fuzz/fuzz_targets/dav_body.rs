//! See `fuzz::dav_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::dav_body(input));
