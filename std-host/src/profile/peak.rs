//! The peak of this machine: arithmetic in registers, and copying memory.

use std::hint::black_box;
use std::time::Instant;

use rayon::prelude::*;
use serde::Serialize;
use wta_simd::Isa;

use super::memory;

/// The shortest run, so that the time to start the threads does not matter.
const RUN_SECONDS: f64 = 8e-3;

/// The number of runs. The best one counts, because others may have been disturbed.
const RUNS: usize = 10;

/// The number of copies, of which the best one counts.
const COPIES: usize = 6;

/// The assumed size of the largest cache, if the system does not report it.
const CACHE_GUESS: u64 = 32 << 20;

/// The highest rate of multiply-adds of an instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Peak {
    /// The instruction set's name.
    pub isa: &'static str,
    /// The number of threads that computed at once.
    pub threads: usize,
    /// Thousand million multiplications and additions a second.
    pub gflops: f64,
}

/// The peaks of all instruction sets, each on one thread and on all threads of the current pool.
pub fn peaks() -> Vec<Peak> {
    let mut peaks = Vec::new();
    for isa in Isa::all_available() {
        peaks.push(peak(isa, 1));
        if rayon::current_num_threads() > 1 {
            peaks.push(peak(isa, rayon::current_num_threads()));
        }
    }
    peaks
}

/// The peak of an instruction set: on one thread if `threads` is 1, otherwise on all threads of the current
/// pool.
fn peak(isa: Isa, threads: usize) -> Peak {
    let run = |rounds: u64| {
        let work = || black_box(isa.fused_multiply_adds(black_box(rounds)));
        let start = Instant::now();
        if threads == 1 {
            work();
        } else {
            rayon::broadcast(|_| work());
        }
        start.elapsed().as_secs_f64()
    };
    let mut rounds = 1 << 10;
    while run(rounds) < RUN_SECONDS {
        rounds *= 2;
    }
    let seconds = (0..RUNS).map(|_| run(rounds)).fold(f64::INFINITY, f64::min);
    let operations = (rounds * isa.operations_per_round()) as f64 * threads as f64;
    Peak { isa: isa.name(), threads, gflops: operations / seconds / 1e9 }
}

/// The speed of a large copy on all threads, in thousand million bytes read and written a second. The blocks
/// are four times as large as the largest cache, so it is the speed of the memory.
pub fn copy_gb_s() -> f64 {
    let bytes = (4 * memory::largest_cache().unwrap_or(CACHE_GUESS)).clamp(64 << 20, 512 << 20) as usize;
    let share = (bytes / size_of::<f32>()).div_ceil(rayon::current_num_threads());
    let len = share * rayon::current_num_threads();
    // Both buffers are written first; otherwise the first copies would measure how the system hands out
    // memory.
    let (mut from, mut to) = (vec![0.0f32; len], vec![0.0f32; len]);
    from.par_chunks_mut(share).for_each(|chunk| chunk.fill(1.0));
    to.par_chunks_mut(share).for_each(|chunk| chunk.fill(2.0));
    let mut copy = || {
        let start = Instant::now();
        to.par_chunks_mut(share)
            .zip(from.par_chunks(share))
            .for_each(|(to, from)| to.copy_from_slice(black_box(from)));
        black_box(&mut to);
        start.elapsed().as_secs_f64()
    };
    let seconds = (0..COPIES).map(|_| copy()).fold(f64::INFINITY, f64::min);
    (2 * len * size_of::<f32>()) as f64 / seconds / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_are_those_of_a_computer() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let peaks = pool.install(peaks);
        assert_eq!(peaks.len(), 2 * Isa::all_available().count());
        for peak in &peaks {
            // A core does between a tenth of an operation and 128 per cycle, at 100 MHz to 10 GHz.
            let per_thread = peak.gflops / peak.threads as f64;
            assert!((0.01..1280.0).contains(&per_thread), "{peak:?}");
        }
        let fastest = |isa: Isa| {
            let of = peaks.iter().filter(|peak| peak.isa == isa.name());
            of.map(|peak| peak.gflops).fold(0.0, f64::max)
        };
        let best = Isa::detect();
        assert!(best == Isa::Scalar || fastest(best) > fastest(Isa::Scalar), "{peaks:?}");
        let copy = pool.install(copy_gb_s);
        assert!((0.01..10_000.0).contains(&copy), "{copy} GB/s");
    }
}
