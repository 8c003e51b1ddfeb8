//! See `fuzz::calendar_object`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::calendar_object(input));
