//! See `fuzz::mail_authenticity`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::mail_authenticity(input));
