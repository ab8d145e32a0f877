//! What is declared once, as a constant: what cannot be does not compile.

/// The value of a constant [`Result`](crate::Result). An error is a compile error with its sentence.
///
/// ```
/// use wta_core::{Network, constant};
///
/// const NETWORK: Network = constant!(Network::fully_connected(64, &[32]));
/// ```
///
/// ```compile_fail
/// use wta_core::{Network, constant};
///
/// const NETWORK: Network = constant!(Network::fully_connected(64, &[]));
/// ```
#[macro_export]
macro_rules! constant {
    ($result:expr) => {
        const {
            match $result {
                Ok(value) => value,
                Err(error) => panic!("{}", $crate::Error::rule(&error)),
            }
        }
    };
}

/// Declares a struct that holds all memory of a detector, from its settings. What cannot be is a compile
/// error with the rule's sentence.
///
/// The struct has `SETTINGS`, `STATE_BYTES` (of flash, for each of the two slots), a `const fn new()` for a
/// `static`, and `detector()`, which begins.
///
/// ```
/// wta_core::detector! {
///     /// Three axes, in windows of 64 samples, by 16 units.
///     pub struct Pump = wta_core::detect::Settings::fully_connected(64, 3, 16).votes(4, 5, 1);
/// }
/// const { assert!(size_of::<Pump>() < 64 * 1024) }
/// let mut pump = Pump::new();
/// let mut detector = pump.detector()?;
/// detector.push([12_i16, -3, 1022])?;
/// # Ok::<(), wta_core::Error>(())
/// ```
///
/// ```compile_fail
/// wta_core::detector! {
///     struct Nothing = wta_core::detect::Settings::fully_connected(64, 3, 0);
/// }
/// Nothing::new();
/// ```
#[macro_export]
macro_rules! detector {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident =
            $($path:ident)::+ ($($argument:expr),* $(,)?) $(. $method:ident ($($value:expr),* $(,)?))*;
    ) => {
        $(#[$meta])*
        $visibility struct $name {
            floats: [f32; $name::LEN.floats],
            indices: [u32; $name::LEN.indices],
            cuts: [$crate::Cut; $name::LEN.cuts],
        }

        impl $name {
            /// What the detector is told.
            $visibility const SETTINGS: $crate::detect::Settings =
                $crate::constant!($($path)::+($($argument),*)) $(.$method($($value),*))*;
            /// Bytes of flash of a slot.
            #[allow(dead_code, reason = "for programs that save states")]
            $visibility const STATE_BYTES: usize = $crate::detect::state_bytes(&Self::SETTINGS);
            const SETTINGS_REF: &'static $crate::detect::Settings = &Self::SETTINGS;
            const LEN: $crate::detect::DetectorLen = $crate::detect::detector_len(&Self::SETTINGS);

            /// Memory before the first sample.
            $visibility const fn new() -> Self {
                Self {
                    floats: [0.0; Self::LEN.floats],
                    indices: [0; Self::LEN.indices],
                    cuts: [$crate::Cut { threshold: 0.0, ties_below: 0 }; Self::LEN.cuts],
                }
            }

            /// A detector that has seen nothing yet.
            ///
            /// # Errors
            ///
            /// As for [`Settings::check`]($crate::detect::Settings::check).
            $visibility fn detector(&mut self) -> $crate::Result<$crate::detect::Detector<'_>> {
                let Self { floats, indices, cuts } = self;
                $crate::detect::Detector::new(
                    Self::SETTINGS_REF,
                    $crate::detect::Memory { floats, indices, cuts },
                )
            }
        }
    };
}
