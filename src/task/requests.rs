//! What a task asked of object storage.

/// Requests and bytes of a task so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// `HeadObject` and `HeadBucket`.
    pub head_requests: u64,
    /// `GetObject`.
    pub get_requests: u64,
    /// `PutObject`, and every step of a multipart upload.
    pub put_requests: u64,
    /// Bytes of object bodies that arrived.
    pub bytes_fetched: u64,
    /// Bytes of object bodies that were taken.
    pub bytes_stored: u64,
}
