//! See `fuzz::imap_url`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::imap_url(input));
