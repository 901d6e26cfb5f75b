//! Counts the requests of a task to object storage, as they are billed.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::task::Requests;

/// Counters of one task, shared by everything that works for it.
///
/// Each request counts once, however often it was retried.
#[derive(Debug, Default)]
pub struct Meter {
    head: AtomicU64,
    get: AtomicU64,
    put: AtomicU64,
    fetched: AtomicU64,
    stored: AtomicU64,
}

impl Meter {
    /// What has been counted so far.
    #[must_use]
    pub fn read(&self) -> Requests {
        Requests {
            head_requests: self.head.load(Relaxed),
            get_requests: self.get.load(Relaxed),
            put_requests: self.put.load(Relaxed),
            bytes_fetched: self.fetched.load(Relaxed),
            bytes_stored: self.stored.load(Relaxed),
        }
    }

    pub(super) fn head(&self) {
        self.head.fetch_add(1, Relaxed);
    }

    pub(super) fn get(&self) {
        self.get.fetch_add(1, Relaxed);
    }

    pub(super) fn put(&self) {
        self.put.fetch_add(1, Relaxed);
    }

    pub(super) fn fetched(&self, bytes: u64) {
        self.fetched.fetch_add(bytes, Relaxed);
    }

    pub(super) fn stored(&self, bytes: u64) {
        self.stored.fetch_add(bytes, Relaxed);
    }
}
