//! Who a message comes from, and how that stays true where mail is passed on.
//!
//! [`srs`] rewrites reverse-paths of redirected mail (R-ADDR-10).
//!
//! **Invariant:** nothing a peer sends panics; what is verified was made with our key.
//! **Absent:** I/O, the clock, storage, the keys themselves.

pub mod srs;
