//! See `fuzz::search_index`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::search_index(input));
