//! Every integration test, in one binary.

#[path = "../bed.rs"]
mod bed;

mod harness;
