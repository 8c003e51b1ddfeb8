//! See `fuzz::imap_framer_session`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::imap_framer_session(input));
