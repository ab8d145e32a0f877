//! The choice of an instruction set at run time.

use core::fmt;
use core::str::FromStr;

use wta_core::{
    AdamUpdate, Cut, Filters, Kernels, OutputLayout, ReceptiveFields, Result, Scalar, Screened, SgdUpdate,
    Tiling,
};

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
use crate::aarch64::neon::Neon;
use crate::peak::Peak;
#[cfg(target_arch = "x86_64")]
use crate::x86_64::{avx2::Avx2, avx512::Avx512};

/// One of the instruction sets that this processor has; itself [`Kernels`], so that a host picks once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// No vector instructions: the oracle, on every machine.
    Scalar,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// AVX-512.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    /// NEON.
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    Neon(Neon),
}

/// A name that no instruction set of this processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownIsa;

impl fmt::Display for UnknownIsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this processor has no such instruction set; it has ")?;
        for (index, isa) in Isa::all_available().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            fmt::Display::fmt(&isa, f)?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownIsa {}

impl Isa {
    /// The fastest one.
    pub fn detect() -> Self {
        Self::all_available().last().unwrap_or(Self::Scalar)
    }

    /// All of them, from the slowest to the fastest.
    pub fn all_available() -> impl Iterator<Item = Self> {
        let all = [
            Some(Self::Scalar),
            #[cfg(target_arch = "x86_64")]
            Avx2::new().map(Self::Avx2),
            #[cfg(target_arch = "x86_64")]
            Avx512::new().map(Self::Avx512),
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Neon::new().map(Self::Neon),
        ];
        all.into_iter().flatten()
    }

    /// Its name on the command line and in records.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Self::Neon(_) => "neon",
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Isa {
    type Err = UnknownIsa;

    fn from_str(name: &str) -> core::result::Result<Self, UnknownIsa> {
        Self::all_available().find(|isa| isa.name() == name).ok_or(UnknownIsa)
    }
}

/// Calls the same method of the chosen kernels.
macro_rules! on {
    ($isa:expr, $kernels:ident => $call:expr) => {
        match $isa {
            Isa::Scalar => {
                let $kernels = Scalar;
                $call
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2($kernels) => $call,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512($kernels) => $call,
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Isa::Neon($kernels) => $call,
        }
    };
}

impl Isa {
    /// So many rounds of independent multiply-adds in registers, each of
    /// [`operations_per_round`](Self::operations_per_round): the most arithmetic that a thread can do, for a
    /// host to time. Returns what came out, for nobody but the compiler.
    pub fn fused_multiply_adds(self, rounds: u64) -> f32 {
        on!(self, k => k.fused_multiply_adds(rounds))
    }

    /// Multiplications and additions in a round of [`fused_multiply_adds`](Self::fused_multiply_adds).
    pub fn operations_per_round(self) -> u64 {
        fn of<P: Peak>(_: P) -> u64 {
            P::OPERATIONS_PER_ROUND
        }
        on!(self, k => of(k))
    }
}

impl Kernels for Isa {
    fn prepared_len(self, filters: usize, field_len: usize) -> usize {
        on!(self, k => k.prepared_len(filters, field_len))
    }

    fn prepare(self, weights: &[f32], field_len: usize, prepared: &mut [f32]) {
        on!(self, k => k.prepare(weights, field_len, prepared))
    }

    fn convolve(
        self,
        fields: &ReceptiveFields,
        filters: Filters<'_>,
        map: &[f32],
        output_layout: OutputLayout,
        out: &mut [f32],
    ) {
        on!(self, k => k.convolve(fields, filters, map, output_layout, out))
    }

    fn convolve_both_signs(
        self,
        fields: &ReceptiveFields,
        filters: Filters<'_>,
        map: &[f32],
        output_layout: OutputLayout,
        out: &mut [f32],
    ) {
        on!(self, k => k.convolve_both_signs(fields, filters, map, output_layout, out))
    }

    fn panel_maps(self) -> usize {
        on!(self, k => k.panel_maps())
    }

    fn tiling(self, fields: &ReceptiveFields, filters: usize) -> Option<Tiling> {
        on!(self, k => k.tiling(fields, filters))
    }

    fn prepare_tiles(self, fields: &ReceptiveFields, maps: usize, weights: &[f32], prepared: &mut [f32]) {
        on!(self, k => k.prepare_tiles(fields, maps, weights, prepared))
    }

    fn convolve_tiles(
        self,
        fields: &ReceptiveFields,
        filters: Filters<'_>,
        map: &[f32],
        output_layout: OutputLayout,
        scratch: &mut [f32],
        out: &mut [f32],
    ) {
        on!(self, k => k.convolve_tiles(fields, filters, map, output_layout, scratch, out))
    }

    fn convolve_tiles_both_signs(
        self,
        fields: &ReceptiveFields,
        filters: Filters<'_>,
        map: &[f32],
        output_layout: OutputLayout,
        scratch: &mut [f32],
        out: &mut [f32],
    ) {
        on!(self, k => k.convolve_tiles_both_signs(fields, filters, map, output_layout, scratch, out))
    }

    fn screen(
        self,
        fields: &ReceptiveFields,
        filters: Filters<'_>,
        map: &[f32],
        scratch: &mut [f32],
        screened: Screened<'_>,
    ) {
        on!(self, k => k.screen(fields, filters, map, scratch, screened))
    }

    fn activations(
        self,
        fields: &ReceptiveFields,
        positions: &[u32],
        map: &[f32],
        filter: &[f32],
        bias: f32,
        out: &mut [f32],
    ) {
        on!(self, k => k.activations(fields, positions, map, filter, bias, out))
    }

    fn field_dot(self, fields: &ReceptiveFields, at: usize, map: &[f32], filter: &[f32]) -> f32 {
        on!(self, k => k.field_dot(fields, at, map, filter))
    }

    fn add_to_field(self, fields: &ReceptiveFields, at: usize, scale: f32, filter: &[f32], map: &mut [f32]) {
        on!(self, k => k.add_to_field(fields, at, scale, filter, map))
    }

    fn add_to_filter(self, fields: &ReceptiveFields, at: usize, scale: f32, map: &[f32], filter: &mut [f32]) {
        on!(self, k => k.add_to_filter(fields, at, scale, map, filter))
    }

    fn filter_gradients(
        self,
        fields: &ReceptiveFields,
        positions: &[u32],
        deltas: &[f32],
        maps: usize,
        first: usize,
        map: &[f32],
        gradient: &mut [f32],
    ) {
        on!(self, k => k.filter_gradients(fields, positions, deltas, maps, first, map, gradient))
    }

    fn backpropagate(
        self,
        fields: &ReceptiveFields,
        positions: &[u32],
        deltas: &[f32],
        weights: &[f32],
        below: &mut [f32],
    ) {
        on!(self, k => k.backpropagate(fields, positions, deltas, weights, below))
    }

    fn compete(self, activations: &[f32], first: u32, values: &mut [f32], positions: &mut [u32]) {
        on!(self, k => k.compete(activations, first, values, positions))
    }

    fn lifetime_cuts(
        self,
        values: &[f32],
        width: usize,
        first: usize,
        keep: usize,
        cuts: &mut [Cut],
    ) -> Result<()> {
        on!(self, k => k.lifetime_cuts(values, width, first, keep, cuts))
    }

    fn row_cut(self, values: &[f32], keep: usize) -> Result<Cut> {
        on!(self, k => k.row_cut(values, keep))
    }

    fn row_survivors(self, row: &[f32], values: &mut [f32], places: &mut [u32]) -> Result<u32> {
        on!(self, k => k.row_survivors(row, values, places))
    }

    fn unit_activations(
        self,
        weights: &[f32],
        bias: &[f32],
        images: &[f32],
        prepared: &[f32],
        out: &mut [f32],
    ) {
        on!(self, k => k.unit_activations(weights, bias, images, prepared, out))
    }

    fn linear(self, weights: &[f32], bias: &[f32], images: &[f32], prepared: &[f32], out: &mut [f32]) {
        on!(self, k => k.linear(weights, bias, images, prepared, out))
    }

    fn weighted_row_sum(self, scales: &[f32], rows: &[u32], matrix: &[f32], stride: usize, out: &mut [f32]) {
        on!(self, k => k.weighted_row_sum(scales, rows, matrix, stride, out))
    }

    fn row_dots(self, vector: &[f32], rows: &[u32], matrix: &[f32], stride: usize, out: &mut [f32]) {
        on!(self, k => k.row_dots(vector, rows, matrix, stride, out))
    }

    fn max(self, from: &[f32], to: &mut [f32]) {
        on!(self, k => k.max(from, to))
    }

    fn sgd(self, update: &SgdUpdate, gradient: &[f32], velocity: &mut [f32], weights: &mut [f32]) {
        on!(self, k => k.sgd(update, gradient, velocity, weights))
    }

    fn adam(
        self,
        update: &AdamUpdate,
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
        weights: &mut [f32],
    ) {
        on!(self, k => k.adam(update, gradient, first, second, weights))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn every_available_isa_is_found_by_its_name() {
        for isa in Isa::all_available() {
            assert_eq!(isa.name().parse(), Ok(isa));
        }
        assert_eq!(Isa::detect(), Isa::all_available().last().unwrap());
        let error = "mmx".parse::<Isa>().unwrap_err();
        assert!(error.to_string().contains("scalar"), "{error}");
    }

    /// The tests over all instruction sets would pass without it, having tested nothing.
    #[cfg(target_arch = "aarch64")]
    #[test]
    fn neon_is_there_and_the_fastest() {
        let neon = "neon".parse::<Isa>().unwrap();
        assert_eq!(neon.to_string(), "neon");
        assert_eq!(Isa::detect(), neon);
    }
}
