//! See `fuzz::sieve_script`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::sieve_script(input));
