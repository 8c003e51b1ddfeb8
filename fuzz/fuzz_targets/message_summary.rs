//! See `fuzz::message_summary`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::message_summary(input));
