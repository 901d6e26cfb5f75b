//! Why a clip is encoded and not copied.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::codec::Container;
use crate::media::Demuxer;

/// The reason, worded as the end of a sentence about the clip.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each variant's message describes it")]
pub enum NotCopied {
    #[error("`COPY` is `never`")]
    Never,
    #[error("only h264 is copied")]
    Codec,
    #[error("{0} can't hold copied groups of pictures")]
    Container(Container),
    #[error("`vb` without `vbopt_1` asks for this bit rate")]
    BitRate,
    #[error("`maxrate` asks for a peak that only the encoder keeps")]
    PeakRate,
    #[error("`crf` asks for this quality")]
    Quality,
    #[error("without `vb` and `vbopt_1`, only `COPY=fitting` copies")]
    OnlyFitting,
    #[error("it has no video, or the output has none")]
    NoVideo,
    #[error("nothing is copied from `{0}` files")]
    Source(Demuxer),
    #[error("its {what} is {own}, and the output's is {output}")]
    Differs { what: Cow<'static, str>, own: String, output: String },
    #[error("it is rotated")]
    Rotated,
    #[error("it is not marked as progressive")]
    Interlaced,
    #[error("its edit list leaves frames out")]
    EditList,
    #[error("its bit rate is {own} bit/s, and `vb` asks for {most} at most")]
    TooFast { own: u64, most: u64 },
    #[error("its parameter sets change")]
    SetsChange,
    #[error("its parameter sets are not those of clip {0}, which are copied")]
    OtherSets(usize),
    #[error("its groups of pictures are open")]
    Open,
    #[error("its frame rate varies")]
    Uneven,
    #[error("its key frames are further apart than `g`")]
    Long,
    #[error("a segment begins inside of its groups of pictures")]
    Segments,
    #[error("no two whole groups of pictures in a row are inside the cut")]
    Few,
    #[error("it is damaged: {0}")]
    Damaged(String),
}
