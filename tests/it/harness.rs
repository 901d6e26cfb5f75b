//! Tests the test bed itself: that it detects faults, and that its servers reject what the real
//! ones reject.

mod judge;
mod media;
mod sandbox;
mod storage;
mod topic;
