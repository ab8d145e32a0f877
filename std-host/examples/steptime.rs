#![allow(missing_docs, clippy::unwrap_used)]
use rayon::prelude::*;
use std::time::Instant;
use wta::{
    aligned::Aligned,
    batch::BatchTrainer,
    stopwatch::{Phase, Stopwatch},
};
use wta_core::*;
use wta_simd::Isa;
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let threads: usize = args[0].parse().unwrap();
    let isa: Isa = args[1].parse().unwrap();
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().unwrap();
    let conv = |c, s, maps, layers, k| {
        Network::convolutional(
            Shape::new(c, s, s),
            &vec![Conv::same(maps, Size::square(5)); layers],
            Size::square(k),
        )
        .unwrap()
    };
    let life = Sparsity::lifetime(0.05);
    for name in &args[2..] {
        let (net, sp) = match name.as_str() {
            "fc1000" => (Network::fully_connected(784, &[1000]).unwrap(), life),
            "fc2000" => (Network::fully_connected(784, &[2000]).unwrap(), life),
            "conv16" => (conv(1, 28, 16, 2, 11), Sparsity::SPATIAL),
            "conv64x3" => (conv(1, 28, 64, 3, 11), life),
            "conv128" => (conv(1, 28, 128, 2, 11), life),
            "cifar64x3" => (conv(3, 32, 64, 3, 7), life),
            _ => panic!(),
        };
        let mut random = Random::new(1);
        let images: Vec<f32> = (0..100 * net.input().len()).map(|_| random.uniform()).collect();
        let optimizer = Optimizer {
            method: Method::Sgd { momentum: 0.9 },
            rate: 1e-4,
            schedule: Schedule::Constant,
            decay: 0.0,
        };
        let mut t =
            BatchTrainer::new(isa, net, Training { sparsity: sp, optimizer, batch: 100, steps: u64::MAX });
        net.initialise(Initial::He, 1, &mut t.parameters).unwrap();
        t.step(&images).unwrap();
        t.stopwatch = Stopwatch::new(threads);
        let (mut times, start) = (vec![], Instant::now());
        t.stopwatch.take();
        while times.len() < 100 && start.elapsed().as_secs_f64() < 3.0 {
            let a = Instant::now();
            t.step(&images).unwrap();
            times.push(a.elapsed().as_secs_f64() * 1e3);
        }
        let n = times.len();
        let phases = t.stopwatch.take();
        times.sort_by(f64::total_cmp);
        // encode
        let mut prepared = Aligned::zeros(Encoder::prepared_len(isa, &net));
        let encoder = Encoder::new(isa, Parameters::new(net, &t.parameters).unwrap(), &mut prepared).unwrap();
        let block = if net.is_fully_connected() { 50 / threads.min(2) * 2 / 2 } else { 1 };
        let mut codes = Aligned::zeros(100 * net.code_len());
        let mut et = vec![];
        let start = Instant::now();
        while et.len() < 100 && start.elapsed().as_secs_f64() < 2.0 {
            let a = Instant::now();
            codes
                .par_chunks_mut(block * net.code_len())
                .zip(images.par_chunks(block * net.input().len()))
                .for_each_init(
                    || {
                        (
                            Aligned::zeros(block * net.inputs_len()),
                            Aligned::zeros(Encoder::scratch_len(isa, &net)),
                        )
                    },
                    |(inputs, scratch), (codes, images)| {
                        let b = images.len() / net.input().len();
                        let inputs = &mut inputs[..b * net.inputs_len()];
                        for (i, im) in images.chunks_exact(net.input().len()).enumerate() {
                            encoder.load(b, i, im, inputs).unwrap();
                        }
                        encoder.hidden(b, inputs, scratch).unwrap();
                        encoder.top(b, inputs, scratch, codes).unwrap();
                    },
                );
            et.push(a.elapsed().as_secs_f64() * 1e3);
        }
        et.sort_by(f64::total_cmp);
        println!(
            "{name:10} {isa} x{threads}: step {:.2} (min {:.2}) encode {:.2} (min {:.2}) ratio {:.2}",
            times[n / 2],
            times[0],
            et[et.len() / 2],
            et[0],
            times[n / 2] / et[et.len() / 2]
        );
        let names: Vec<String> = Phase::all(net.depth())
            .map(|p| format!("{p} {:.2}", phases.of(p).as_secs_f64() * 1e3 / n as f64))
            .collect();
        println!("           {}", names.join(", "));
    }
}
