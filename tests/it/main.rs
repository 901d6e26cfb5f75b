//! Every integration test, in one binary: the real crate and the real function
//! against servers that speak the real protocols.

#[path = "../bed.rs"]
mod bed;

mod harness;
mod notify;
mod readme;
mod storage;
