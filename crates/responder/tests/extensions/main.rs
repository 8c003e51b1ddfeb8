//! Scripts and messages, the RFCs' own where they have some, and what comes of them.

mod answers;
mod base;
mod control;
mod filing;
mod parts;
mod scene;
