//! Samples as sensors give them.

/// The numbers of one moment, one for each channel: an `i16` or an `f32`, an array or a slice of them.
pub trait Sample {
    /// How many numbers there are.
    fn channels(&self) -> usize;

    /// The number of a channel; 0 for a channel that there is not.
    fn channel(&self, index: usize) -> f32;
}

macro_rules! sample {
    ($($number:ty),*) => {$(
        impl Sample for $number {
            fn channels(&self) -> usize {
                1
            }

            fn channel(&self, index: usize) -> f32 {
                if index == 0 { f32::from(*self) } else { 0.0 }
            }
        }

        impl Sample for [$number] {
            fn channels(&self) -> usize {
                self.len()
            }

            fn channel(&self, index: usize) -> f32 {
                self.get(index).map_or(0.0, |number| f32::from(*number))
            }
        }

        impl<const CHANNELS: usize> Sample for [$number; CHANNELS] {
            fn channels(&self) -> usize {
                CHANNELS
            }

            fn channel(&self, index: usize) -> f32 {
                self.as_slice().channel(index)
            }
        }
    )*};
}

sample!(f32, i16, i8, u8, u16);

impl<S: Sample + ?Sized> Sample for &S {
    fn channels(&self) -> usize {
        (**self).channels()
    }

    fn channel(&self, index: usize) -> f32 {
        (**self).channel(index)
    }
}
