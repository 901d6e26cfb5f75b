//! Fetches the indices of sources that have one.

use futures::{StreamExt, TryStreamExt, stream};

use super::{Kept, PARALLEL_FETCHES, SourceFiles, TaskError};
use crate::engine::partial::BLOCK;
use crate::media::boxes::{self, Boxes};
use crate::media::elements::{self, Elements};
use crate::media::{Demuxer, Recognised, recognise};
use crate::plan::copy::permission;
use crate::policy::CopyPolicy;
use crate::process::Request;

/// What a request needs to know about a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// Only the frames and samples at certain times.
    Times,
    /// Also the frame rate and where the streams end.
    Timing,
    /// Also the bit rates, or all packets.
    Packets,
}

impl Takes {
    /// What this request needs of the source with this index.
    fn of(request: &Request, copy: CopyPolicy, of_clip: &[usize], index: usize) -> Self {
        let mut clips = request.clips.iter().zip(of_clip).filter(|(_, of)| **of == index);
        if permission(request, copy).is_ok() || request.asks_own_bit_rate() {
            Self::Packets
        } else if request.asks_own_frame_rate() || clips.any(|(clip, _)| clip.duration_ms.is_none())
        {
            Self::Timing
        } else {
            Self::Times
        }
    }
}

impl SourceFiles<'_> {
    /// Fetches the index of each source that can be read by it.
    pub(super) async fn bring_indices(
        &self,
        request: &Request,
        copy: CopyPolicy,
    ) -> Result<Vec<Kept>, TaskError> {
        let kept = stream::iter(self.filled.iter().enumerate()).map(|(index, filled)| async move {
            let Some(file) = *filled else { return Ok(Kept::Whole) };
            let takes = Takes::of(request, copy, &self.sources.of_clip, index);
            match self.bring_index(file, takes).await? {
                Ok(kept) => Ok(kept),
                Err(reason) => {
                    tracing::info!(%reason, "a source is fetched whole");
                    Ok(Kept::Whole)
                }
            }
        });
        kept.buffered(PARALLEL_FETCHES).try_collect().await
    }

    /// Fetches the head of a file, and its index.
    async fn bring_index(
        &self,
        file: usize,
        takes: Takes,
    ) -> Result<Result<Kept, Reason>, TaskError> {
        let partial = self.filler.file(file);
        let head = 0..BLOCK;
        self.filler.need(file, head.clone()).await;
        match recognise(&partial.read(&head)?) {
            Ok(Recognised::As(Demuxer::Mov)) => self.bring_boxes(file).await,
            Ok(Recognised::As(Demuxer::Matroska)) if takes == Takes::Packets => {
                Ok(Err(Reason::Packets))
            }
            Ok(Recognised::As(Demuxer::Matroska)) => {
                self.bring_cues(file, takes == Takes::Times).await
            }
            _ => Ok(Err(Reason::Format)),
        }
    }

    async fn bring_cues(
        &self,
        file: usize,
        any_timing: bool,
    ) -> Result<Result<Kept, Reason>, TaskError> {
        let partial = self.filler.file(file);
        let mut elements = Elements::new(partial.size());
        while let Some(place) = elements.wanted() {
            self.filler.need(file, place.clone()).await;
            if let Err(reason) = elements.step(&partial.read(&place)?) {
                return Ok(Err(reason.into()));
            }
        }
        Ok(Ok(Kept::Cues { cues: elements.into_cues(), any_timing }))
    }

    async fn bring_boxes(&self, file: usize) -> Result<Result<Kept, Reason>, TaskError> {
        let partial = self.filler.file(file);
        let mut boxes = Boxes::new(partial.size());
        loop {
            let header = match boxes.header() {
                Ok(Some(header)) => header,
                Ok(None) => return Ok(Ok(Kept::Index)),
                Err(reason) => return Ok(Err(reason.into())),
            };
            self.filler.need(file, header.clone()).await;
            match boxes.step(&partial.read(&header)?) {
                Ok(Some(place)) => self.filler.need(file, place).await,
                Ok(None) => {}
                Err(reason) => return Ok(Err(reason.into())),
            }
        }
    }
}

/// Why a source is fetched whole.
#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("it is neither MP4 nor Matroska")]
    Format,
    #[error("the cues of Matroska do not describe its packets, which the task needs")]
    Packets,
    #[error(transparent)]
    Boxes(#[from] boxes::Unindexed),
    #[error(transparent)]
    Elements(#[from] elements::Unindexed),
}
