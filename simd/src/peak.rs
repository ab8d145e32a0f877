//! As many multiply-adds as a processor can do: what the speed of everything else is compared with.

use core::hint::black_box;

use wta_core::Scalar;

use crate::vector::Vector;

/// Each chain goes `x -> FACTOR * x + TERM`, towards 4: never so small or so large that the processor slows
/// down.
const FACTOR: f32 = 0.75;
const TERM: f32 = 1.0;

/// The numbers that [`Scalar`]'s rounds go through, in 12 of SSE's 16 registers. As with the scalar kernels,
/// the compiler may use the vector instructions that every processor of the target has.
const SCALAR_CHAINS: usize = 48;

/// Multiply-adds in registers.
pub(crate) trait Peak: Copy {
    /// Multiplications and additions of a round.
    const OPERATIONS_PER_ROUND: u64;

    /// So many rounds; returns the sum of all chains, so that none can be left out.
    fn fused_multiply_adds(self, rounds: u64) -> f32;
}

impl Peak for Scalar {
    const OPERATIONS_PER_ROUND: u64 = 2 * SCALAR_CHAINS as u64;

    fn fused_multiply_adds(self, rounds: u64) -> f32 {
        let (factor, term) = (black_box(FACTOR), black_box(TERM));
        // Hidden from the compiler as a whole, before and after, it stays an array, which becomes vectors;
        // taken apart into its numbers it would not.
        let mut chains: [f32; SCALAR_CHAINS] = black_box(core::array::from_fn(start));
        for _ in 0..rounds {
            for chain in &mut chains {
                *chain = *chain * factor + term;
            }
        }
        black_box(&mut chains).iter().sum()
    }
}

/// Where a chain starts. Each starts elsewhere, or the compiler would see that they are all the same.
fn start(chain: usize) -> f32 {
    (chain + 1) as f32
}

/// Rounds of `CHAINS` independent multiply-adds: enough of them that none waits for its own last result, few
/// enough that all stay in registers beside the two operands.
///
/// # Safety
///
/// As for [`Vector`]: the instruction set is enabled in the caller, into which this is inlined.
#[inline(always)]
pub(crate) unsafe fn chains<V: Vector, const CHAINS: usize>(rounds: u64) -> f32 {
    // SAFETY: the instruction set is enabled, which is the caller's promise.
    unsafe {
        let (factor, term) = (V::splat(black_box(FACTOR)), V::splat(black_box(TERM)));
        let mut chains = [term; CHAINS];
        for (index, chain) in chains.iter_mut().enumerate() {
            *chain = V::splat(start(index));
        }
        for _ in 0..rounds {
            for chain in &mut chains {
                *chain = chain.mul_add(factor, term);
            }
        }
        chains.iter().fold(0.0, |sum, chain| sum + chain.sum())
    }
}

/// Implements [`Peak`] for the token `$token` with `$chains` registers `$vector`; `$features` is what the
/// token's existence proves the processor to have.
macro_rules! implement_peak {
    ($token:ident, $vector:ty, $chains:literal, $features:literal) => {
        impl $crate::peak::Peak for $token {
            const OPERATIONS_PER_ROUND: u64 = 2 * $chains * <$vector as Vector>::LANES as u64;

            fn fused_multiply_adds(self, rounds: u64) -> f32 {
                #[target_feature(enable = $features)]
                fn run(rounds: u64) -> f32 {
                    // SAFETY: the instruction set is enabled here.
                    unsafe { $crate::peak::chains::<$vector, $chains>(rounds) }
                }
                // SAFETY: the token proves the instruction set.
                unsafe { run(rounds) }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use crate::Isa;

    /// A number that starts at `s` is `4 + (s - 4) * 0.75^rounds` in the end; so are sums of such numbers.
    #[test]
    fn every_chain_goes_through_every_round() {
        for isa in Isa::all_available() {
            let numbers = isa.operations_per_round() / 2;
            let sums: Vec<f64> = (0..4).map(|rounds| f64::from(isa.fused_multiply_adds(rounds))).collect();
            // All lanes of a chain hold the same number; the sum at the start says how many chains there are.
            let chains = (1..=numbers)
                .find(|chains| {
                    let lanes = (numbers / chains) as f64;
                    numbers % chains == 0 && sums[0] == lanes * (chains * (chains + 1) / 2) as f64
                })
                .unwrap_or_else(|| panic!("{isa}: {sums:?} is no sum of {numbers} starts"));
            assert!(chains >= 12, "{isa}: {chains} chains cannot keep the processor busy");
            for (rounds, sum) in sums.iter().enumerate() {
                let limit = 4.0 * numbers as f64;
                let expected = limit + (sums[0] - limit) * 0.75f64.powi(rounds as i32);
                assert!((sum / expected - 1.0).abs() < 1e-5, "{isa}: {sum} after {rounds}, not {expected}");
            }
            let end = f64::from(isa.fused_multiply_adds(1000));
            assert!((end / (4.0 * numbers as f64) - 1.0).abs() < 1e-5, "{isa}: {end}");
        }
    }
}
