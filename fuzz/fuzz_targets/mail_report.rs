//! See `fuzz::mail_report`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::mail_report(input));
