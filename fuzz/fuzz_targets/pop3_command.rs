//! See `fuzz::pop3_command`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::pop3_command(input));
