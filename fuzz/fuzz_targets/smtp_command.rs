//! See `fuzz::smtp_command`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::smtp_command(input));
