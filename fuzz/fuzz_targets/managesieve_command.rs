//! See `fuzz::managesieve_command`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::managesieve_command(input));
