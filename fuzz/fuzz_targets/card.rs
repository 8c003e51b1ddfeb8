//! See `fuzz::card`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::card(input));
