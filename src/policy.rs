//! What an operator decides of how outputs are made and checked.

use crate::named::named;

named! {
    /// How an output is checked before it is stored.
    Verify {
        /// Every frame is decoded.
        Decode = "decode",
        /// Every packet is proven to be the encoder's; seams, first and last groups are decoded.
        Packets = "packets",
    }
}

impl Verify {
    /// What holds where the setting is empty.
    pub const DEFAULT: Self = Self::Decode;
}

named! {
    /// When groups of pictures are copied instead of encoded.
    CopyPolicy {
        /// Where the request is satisfied by them as it stands.
        Auto = "auto",
        /// Also under the default `crf`.
        Fitting = "fitting",
        /// Not at all.
        Never = "never",
    }
}

impl CopyPolicy {
    /// What holds where the setting is empty.
    pub const DEFAULT: Self = Self::Auto;
}
