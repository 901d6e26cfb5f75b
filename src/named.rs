//! Enumerations whose variants have a name in the process language.

/// Declares such an enumeration: each name is written once, beside its variant.
macro_rules! named {
    (
        $(#[$meta:meta])*
        $Type:ident {
            $($(#[$variant_meta:meta])* $Variant:ident = $name:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $Type {
            $($(#[$variant_meta])* #[serde(rename = $name)] $Variant,)+
        }

        impl $Type {
            /// Every variant, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$Variant,)+];

            /// Every name, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($name,)+];

            /// The name in the process language.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name,)+
                }
            }

            /// The variant with this name, if there is one.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$Variant),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $Type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

pub(crate) use named;
