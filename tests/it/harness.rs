//! The test bed itself: that it sees what is wrong, and that its servers refuse what the real ones do.

mod judge;
mod media;
mod sandbox;
mod storage;
mod topic;
