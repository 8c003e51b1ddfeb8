//! See `fuzz::rewritten_path`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::rewritten_path(input));
