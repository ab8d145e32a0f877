//! Quantised convolutions on hosts: bytes times weights of 8 bits, by the dot products of the processor.
//!
//! Devices compute a network row by row ([`wta_core::int8`]). A host holds whole maps, of bytes, and many
//! images; [`Int8Isa::convolve`] has the numbers of [`Int8Kernels`](wta_core::int8::Int8Kernels) for all
//! positions at once, bit for bit. A fully-connected layer is a convolution too: each image is a position.
//!
//! | | products of an instruction |
//! | --- | ---: |
//! | AVX-512 with VNNI | 64 |
//! | AVX2 with VNNI | 32 |
//! | AVX2 | 32 by four |
//! | NEON with I8MM (`USMMLA`) | 32 |
//! | NEON with dot products (`SDOT`) | 16 |
//! | NEON | 8 by two |

use core::fmt;

use wta_core::{OutputLayout, ReceptiveFields};

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
pub use crate::aarch64::int8::{Dot, Matrix, NeonBytes};
pub use crate::generic::int8::Int8Filter;
use crate::generic::int8::{OnSums, Operands, Output, Packing, PortableBytes, Sums, fits};
use crate::isa::Isa;
#[cfg(target_arch = "x86_64")]
pub use crate::x86_64::int8::{Avx2Bytes, Avx512Vnni, AvxVnni};

/// The most bytes that are read behind the last field of a map.
pub const BEHIND: usize = 7;

/// How this processor multiplies bytes. All have the same results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Int8Isa {
    /// No vector instructions.
    Scalar,
    /// AVX2: pairs of 16 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2Bytes),
    /// AVX2 with VNNI: dot products of bytes.
    #[cfg(target_arch = "x86_64")]
    AvxVnni(AvxVnni),
    /// AVX-512 with VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(Avx512Vnni),
    /// NEON: products of 16 bits, added in pairs.
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    Neon(NeonBytes),
    /// NEON with dot products of bytes.
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    Dot(Dot),
    /// NEON with products of matrices of bytes (I8MM).
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    Matrix(Matrix),
}

/// Does the same with the chosen token.
macro_rules! on {
    ($isa:expr, $token:ident => $call:expr) => {
        match $isa {
            Int8Isa::Scalar => {
                let $token = PortableBytes;
                $call
            }
            #[cfg(target_arch = "x86_64")]
            Int8Isa::Avx2($token) => $call,
            #[cfg(target_arch = "x86_64")]
            Int8Isa::AvxVnni($token) => $call,
            #[cfg(target_arch = "x86_64")]
            Int8Isa::Avx512Vnni($token) => $call,
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Int8Isa::Neon($token) => $call,
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Int8Isa::Dot($token) => $call,
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Int8Isa::Matrix($token) => $call,
        }
    };
}

impl Int8Isa {
    /// The fastest one of this processor.
    pub fn detect() -> Self {
        Self::all_available().last().unwrap_or(Self::Scalar)
    }

    /// The fastest one whose vectors are no longer than those of an instruction set for `f32`.
    pub fn of(isa: Isa) -> Self {
        let fits = |int8: &Self| match int8 {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) | Self::AvxVnni(_) => isa != Isa::Scalar,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(_) => matches!(isa, Isa::Avx512(_)),
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Self::Neon(_) | Self::Dot(_) | Self::Matrix(_) => isa != Isa::Scalar,
        };
        Self::all_available().filter(fits).last().unwrap_or(Self::Scalar)
    }

    /// All of them, from the slowest to the fastest.
    pub fn all_available() -> impl Iterator<Item = Self> {
        let all = [
            Some(Self::Scalar),
            #[cfg(target_arch = "x86_64")]
            Avx2Bytes::new().map(Self::Avx2),
            #[cfg(target_arch = "x86_64")]
            AvxVnni::new().map(Self::AvxVnni),
            #[cfg(target_arch = "x86_64")]
            Avx512Vnni::new().map(Self::Avx512Vnni),
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            NeonBytes::new().map(Self::Neon),
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Dot::new().map(Self::Dot),
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Matrix::new().map(Self::Matrix),
        ];
        all.into_iter().flatten()
    }

    /// Its name in records.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni(_) => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(_) => "avx512-vnni",
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Self::Neon(_) => "neon",
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Self::Dot(_) => "neon-dot",
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Self::Matrix(_) => "neon-i8mm",
        }
    }

    /// How weights lie.
    fn packing(self) -> Packing {
        fn of<T: OnSums>(_: T) -> Packing {
            T::Sums::PACKING
        }
        on!(self, token => of(token))
    }

    /// Words that so many filters take when they are [prepared](Self::prepare); `usize::MAX` where that is
    /// beyond all memory.
    pub fn prepared_len(self, fields: &ReceptiveFields, filters: usize) -> usize {
        self.packing().prepared_len(fields, filters)
    }

    /// Packs filters for fields of this form, which depends on the instruction set. There is room for as many
    /// as [`Self::prepared_len`] says; missing ones are 0.
    pub fn prepare<W: Iterator<Item = i8>>(
        self,
        fields: &ReceptiveFields,
        filters: impl Iterator<Item = Int8Filter<W>>,
        prepared: &mut [i32],
    ) {
        self.packing().prepare(fields, filters, prepared);
    }

    /// For each position and filter, the activation that the sum of the bias and of the products of filter
    /// and field [becomes](wta_core::int8::requantise). Sums wrap around where they leave `i32`.
    ///
    /// Rows of fields are read in units of four or eight bytes: up to [`BEHIND`] bytes behind the last field
    /// are read, too. The filters are [prepared](Self::prepare) for the same instruction set. If slices are
    /// too short for the description, nothing is written.
    ///
    /// ```
    /// use wta_core::{OutputLayout, PaddedLayout, ReceptiveFields, Shape, Size};
    /// use wta_simd::int8::{Int8Filter, Int8Isa};
    ///
    /// // A filter of 1 x 2 over a row of four bytes, with a border of one 0 behind it.
    /// let padded = PaddedLayout::new(Shape::new(1, 1, 4), Size::new(1, 2));
    /// let fields = ReceptiveFields::new(&padded, Size::ONE);
    /// let isa = Int8Isa::detect();
    /// let mut prepared = vec![0; isa.prepared_len(&fields, 1)];
    /// // 2^30 stands for a quarter.
    /// let filter = Int8Filter { weights: [2, -1].into_iter(), bias: 4, multiplier: 1 << 30 };
    /// isa.prepare(&fields, [filter].into_iter(), &mut prepared);
    ///
    /// let map = [10, 20, 30, 255, 0, 0, 0, 0, 0, 0, 0, 0];
    /// let layout = OutputLayout { start: 0, row_stride: 4, step: 1 };
    /// let mut sums = [0; 4];
    /// isa.sums(&fields, 1, &prepared, &map, layout, &mut sums);
    /// assert_eq!(sums, [4, 14, -191, 514]);
    /// let mut activations = [0; 4];
    /// isa.convolve(&fields, 1, &prepared, &map, layout, &mut activations);
    /// assert_eq!(activations, [1, 4, 0, 129]);
    /// ```
    pub fn convolve(
        self,
        fields: &ReceptiveFields,
        filters: usize,
        prepared: &[i32],
        map: &[u8],
        layout: OutputLayout,
        out: &mut [u8],
    ) {
        self.run(&Operands { fields, filters, prepared, map, layout }, out);
    }

    /// The same, but the sums as they are: what a classifier makes scores of.
    pub fn sums(
        self,
        fields: &ReceptiveFields,
        filters: usize,
        prepared: &[i32],
        map: &[u8],
        layout: OutputLayout,
        sums: &mut [i32],
    ) {
        self.run(&Operands { fields, filters, prepared, map, layout }, sums);
    }

    fn run<O: Output>(self, operands: &Operands<'_>, out: &mut [O]) {
        if !fits(operands, self.packing(), out.len()) {
            return;
        }
        // SAFETY: the operands fit.
        unsafe { on!(self, token => token.run(operands, out)) }
    }
}

impl fmt::Display for Int8Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
