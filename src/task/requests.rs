//! Requests of a task to object storage.

/// Requests and bytes of a task so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// `HeadObject` and `HeadBucket`.
    pub head_requests: u64,
    /// `GetObject`.
    pub get_requests: u64,
    /// `PutObject`, and every step of a multipart upload.
    pub put_requests: u64,
    /// Bytes of object bodies that were received.
    pub bytes_fetched: u64,
    /// Bytes of object bodies that storage accepted.
    pub bytes_stored: u64,
}
