//! The operator's choices of how outputs are made and checked.

use crate::named::named;

named! {
    /// How an output is checked before it is stored.
    Verify {
        /// Every frame is decoded.
        Decode = "decode",
        /// Every packet is compared with the encoder's; only seams and the first and last groups
        /// are decoded.
        Packets = "packets",
    }
}

impl Verify {
    /// The choice if the setting is empty.
    pub const DEFAULT: Self = Self::Decode;
}

named! {
    /// When groups of pictures are copied instead of encoded.
    CopyPolicy {
        /// If they satisfy the request as it is.
        Auto = "auto",
        /// Also with the default `crf`.
        Fitting = "fitting",
        /// Never.
        Never = "never",
    }
}

impl CopyPolicy {
    /// The choice if the setting is empty.
    pub const DEFAULT: Self = Self::Auto;
}
