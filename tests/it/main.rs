//! Integration tests: the real crate against servers that speak the real
//! protocols.

mod notify;
mod storage;
