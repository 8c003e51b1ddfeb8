//! See `fuzz::sasl_exchange`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::sasl_exchange(input));
