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
