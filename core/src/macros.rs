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
                $crate::constant!(
                    $crate::constant!($($path)::+($($argument),*)) $(.$method($($value),*))* .checked()
                );
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

/// Declares a struct that holds all memory of a job: to train a network on the device, and to encode and
/// score with it. What cannot be is a compile error with the rule's sentence.
///
/// The network and the training are constants. The trainer is one of [`UnitTrainer`](crate::UnitTrainer) (for
/// a fully-connected network of one layer: the least memory), [`StreamTrainer`](crate::StreamTrainer) (for
/// convolutional ones) and [`Trainer`](crate::Trainer). A [`Pool`](crate::Pool) may be named for features of
/// convolutional networks. Training, features and scores are never computed at the same time, so that they
/// share their scratch memory.
///
/// The struct has `NETWORK`, `TRAINING` and `BYTES`, a `const fn new()` for a `static`, and
///
/// - `initialise(seed)`: random weights, and training from the start;
/// - `trainer(step)`: the trainer, after so many steps;
/// - `extractor()`: features of what has been learnt so far;
/// - `novelty(keep)`: the [`Novelty`](crate::Novelty) score;
/// - `parameters()`: the weights, to be saved; `parameters_mut()`, to be restored.
///
/// A `static` is taken once without `unsafe` by the crate static_cell, or by `cortex_m_rt::entry`.
///
/// ```
/// use wta_core::prelude::*;
///
/// wta_core::job! {
///     /// Two features of vectors of four numbers.
///     pub struct Pairs {
///         network: Network::fully_connected(4, &[2]),
///         training: TrainingConfig::new(Sparsity::lifetime(0.5), Optimizer::sgd(0.05), 4, 300),
///         trainer: UnitTrainer,
///     }
/// }
/// let mut pairs = Pairs::new(); // static PAIRS: ConstStaticCell<Pairs> = ...
/// let samples = [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], [0.9, 0.8, 0.0, 0.0], [0.0, 0.0, 0.8, 0.9]];
///
/// pairs.initialise(5)?;
/// let mut trainer = pairs.trainer(0)?;
/// for _ in 0..300 {
///     trainer.step(samples.iter().map(|sample| &sample[..]))?;
/// }
/// let mut extractor = pairs.extractor()?;
/// let mut code = [0.0_f32; 2];
/// extractor.features(&samples[0][..], &mut code)?;
/// assert!(code[0].max(code[1]) > 0.5);
/// # Ok::<(), wta_core::Error>(())
/// ```
///
/// ```compile_fail
/// use wta_core::prelude::*;
///
/// wta_core::job! {
///     struct Nothing {
///         network: Network::fully_connected(4, &[]),
///         training: TrainingConfig::new(Sparsity::lifetime(0.5), Optimizer::sgd(0.05), 4, 300),
///         trainer: UnitTrainer,
///     }
/// }
/// Nothing::new();
/// ```
#[macro_export]
macro_rules! job {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            network: $network:expr,
            training: $training:expr,
            trainer: $trainer:ident
            $(, pool: $pool:expr)? $(,)?
        }
    ) => {
        $(#[$meta])*
        $visibility struct $name {
            parameters: [f32; $name::LEN.parameters],
            moments: [f32; $name::LEN.moments],
            floats: [f32; $name::FLOATS],
            indices: [u32; $name::INDICES],
            cuts: [$crate::Cut; $name::LEN.cuts],
        }

        #[allow(dead_code, reason = "a program may not need all of it")]
        impl $name {
            /// The network.
            $visibility const NETWORK: $crate::Network = $crate::constant!($network);
            /// How it is trained.
            $visibility const TRAINING: $crate::TrainingConfig =
                $crate::constant!(($training).checked(&Self::NETWORK));
            /// How features are pooled.
            $visibility const POOL: $crate::Pool =
                $crate::constant!($crate::job!(@pool $($pool)?).checked(Self::NETWORK.code()));
            /// Bytes of all memory.
            $visibility const BYTES: usize = size_of::<Self>();
            const LEN: $crate::TrainingLen = $crate::job!(@len $trainer, &Self::NETWORK, &Self::TRAINING);
            const FEATURES: usize = $crate::extractor_len(&Self::NETWORK, &Self::POOL);
            const SCORE: usize = $crate::novelty_len(&Self::NETWORK);
            const FLOATS: usize =
                $crate::job!(@max Self::LEN.floats, $crate::job!(@max Self::FEATURES, Self::SCORE));
            const INDICES: usize = $crate::job!(@max Self::LEN.indices, Self::NETWORK.code().channels);

            /// Memory before anything is learnt.
            $visibility const fn new() -> Self {
                Self {
                    parameters: [0.0; Self::LEN.parameters],
                    moments: [0.0; Self::LEN.moments],
                    floats: [0.0; Self::FLOATS],
                    indices: [0; Self::INDICES],
                    cuts: [$crate::Cut { threshold: 0.0, ties_below: 0 }; Self::LEN.cuts],
                }
            }

            /// Random weights of a seed; the training begins.
            $visibility fn initialise(&mut self, seed: u64) -> $crate::Result<()> {
                self.moments.fill(0.0);
                Self::NETWORK.initialise($crate::Initial::He, seed, &mut self.parameters)
            }

            /// The trainer, after so many steps.
            $visibility fn trainer(
                &mut self,
                step: u64,
            ) -> $crate::Result<$crate::$trainer<'_, $crate::Scalar>> {
                let Self { parameters, moments, floats, indices, cuts } = self;
                let (floats, _) = floats.split_at_mut_checked(Self::LEN.floats).unwrap_or_default();
                let (indices, _) = indices.split_at_mut_checked(Self::LEN.indices).unwrap_or_default();
                let scratch = $crate::Scratch { floats, indices, cuts };
                $crate::$trainer::new(
                    $crate::Scalar, Self::NETWORK, Self::TRAINING, step, parameters, moments, scratch,
                )
            }

            /// Features of what has been learnt so far.
            $visibility fn extractor(
                &mut self,
            ) -> $crate::Result<$crate::Extractor<'_, $crate::Scalar>> {
                let (memory, _) = self.floats.split_at_mut_checked(Self::FEATURES).unwrap_or_default();
                let parameters = $crate::Parameters::new(Self::NETWORK, &self.parameters)?;
                $crate::Extractor::new($crate::Scalar, parameters, Self::POOL, false, memory)
            }

            /// Scores of how unlike the samples that were learnt a sample is.
            $visibility fn novelty(
                &mut self,
                keep: usize,
            ) -> $crate::Result<$crate::Novelty<'_, $crate::Scalar>> {
                let Self { parameters, floats, indices, .. } = self;
                let (memory, _) = floats.split_at_mut_checked(Self::SCORE).unwrap_or_default();
                let maps = Self::NETWORK.code().channels;
                let (positions, _) = indices.split_at_mut_checked(maps).unwrap_or_default();
                let parameters = $crate::Parameters::new(Self::NETWORK, parameters)?;
                $crate::Novelty::new($crate::Scalar, parameters, keep, memory, positions)
            }

            /// The weights.
            $visibility fn parameters(&self) -> &[f32] {
                &self.parameters
            }

            /// The weights, to be restored.
            $visibility fn parameters_mut(&mut self) -> &mut [f32] {
                &mut self.parameters
            }
        }
    };
    (@pool) => { $crate::Pool::NONE };
    (@pool $pool:expr) => { $pool };
    (@max $a:expr, $b:expr) => { if $a > $b { $a } else { $b } };
    (@len UnitTrainer, $network:expr, $training:expr) => {
        $crate::unit_training_len(
            $network, &$training.sparsity, &$training.optimizer.method, $training.batch,
        )
    };
    (@len StreamTrainer, $network:expr, $training:expr) => {
        $crate::stream_training_len($network, &$training.optimizer.method, $training.batch)
    };
    (@len Trainer, $network:expr, $training:expr) => {
        $crate::training_len($network, &$training.sparsity, &$training.optimizer.method, $training.batch)
    };
}
