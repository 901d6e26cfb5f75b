//! The body of an object, read piece by piece.

use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};

use super::{Meter, Operation, Problem, StoreError};
use crate::answer::cause;
use crate::object::ObjectUri;

/// The bytes of a range, as they arrive.
#[derive(Debug)]
pub struct RangeBody {
    pub(super) stream: ByteStream,
    pub(super) meter: Arc<Meter>,
    pub(super) uri: ObjectUri,
}

impl RangeBody {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`Problem::Transient`] if the connection breaks.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        match self.stream.next().await {
            None => Ok(None),
            Some(Ok(bytes)) => {
                self.meter.fetched(bytes.len() as u64);
                Ok(Some(bytes))
            }
            Some(Err(error)) => {
                let words = format!("the body broke off: {}", cause(&error));
                Err(self.error(Problem::Transient(words)))
            }
        }
    }

    pub(super) async fn collect(&mut self, limit: u64) -> Result<Bytes, StoreError> {
        let mut all = BytesMut::new();
        while let Some(bytes) = self.next().await? {
            all.extend_from_slice(&bytes);
            if all.len() as u64 > limit {
                return Err(self.error(Problem::TooLarge(limit)));
            }
        }
        Ok(all.freeze())
    }

    fn error(&self, problem: Problem) -> StoreError {
        StoreError::new(problem, Operation::GetObject, &self.uri)
    }
}
