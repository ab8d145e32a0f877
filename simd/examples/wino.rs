#![allow(missing_docs, clippy::unwrap_used)]
use std::time::Instant;
use wta_core::*;
use wta_simd::Isa;
fn main() {
    let mut random = Random::new(1);
    for (c, m, s) in [(128usize, 128usize, 28usize), (64, 64, 28), (64, 64, 32), (16, 16, 28), (19, 37, 13)] {
        let conv = Conv::same(m, Size::square(5));
        let net = Network::convolutional(Shape::new(c, s, s), &[conv], Size::ONE).unwrap();
        let layer = net.layer(0).unwrap();
        let f = layer.fields();
        let b = layer.bordered();
        let x: Vec<f32> = (0..c * s * s).map(|_| random.normal().max(0.0)).collect();
        let mut map = vec![0.0; b.len() + 16];
        let skip = map.as_ptr().align_offset(64);
        let map = &mut map[skip..skip + b.len()];
        b.fill(&x, map);
        let w: Vec<f32> = (0..m * f.len()).map(|_| random.normal() * (2.0 / f.len() as f32).sqrt()).collect();
        let bias: Vec<f32> = (0..m).map(|_| random.normal() * 0.1).collect();
        for isa in Isa::all_available().skip(1) {
            let Some(t) = isa.tiling(&f, m) else {
                println!("{c} {m} {s} {isa} none");
                continue;
            };
            let mut pd = vec![0.0; isa.prepared_len(m, f.len()) + 16];
            let k = pd.as_ptr().align_offset(64);
            let pd = &mut pd[k..];
            let n = pd.len() - (16 - k);
            let pd = &mut pd[..n];
            isa.prepare(&w, f.len(), pd);
            let mut pt = vec![0.0; t.prepared_len + 16];
            let k = pt.as_ptr().align_offset(64);
            let pt = &mut pt[k..k + t.prepared_len];
            let t0 = Instant::now();
            isa.prepare_tiles(&f, &w, pt);
            let tp = t0.elapsed();
            let mut scratch = vec![0.0; t.scratch_len];
            let placement = Placement { start: 0, row_stride: s * m, step: m };
            let (mut a, mut bb) = (vec![0.0; s * s * m], vec![0.0; s * s * m]);
            let time = |f: &mut dyn FnMut()| {
                f();
                let mut best = f64::MAX;
                for _ in 0..20 {
                    let t = Instant::now();
                    f();
                    best = best.min(t.elapsed().as_secs_f64());
                }
                best * 1e6
            };
            let td = time(&mut || {
                isa.convolve(&f, Filters { weights: &w, bias: &bias, prepared: pd }, map, placement, &mut a)
            });
            let tw = time(&mut || {
                isa.convolve_tiles(
                    &f,
                    Filters { weights: &w, bias: &bias, prepared: pt },
                    map,
                    placement,
                    &mut scratch,
                    &mut bb,
                )
            });
            let (mut maxima, mut best, mut slack) = (vec![0.0; t.tiles() * m], vec![0.0; m], vec![0.0; m]);
            let ts = time(&mut || {
                isa.screen(
                    &f,
                    Filters { weights: &w, bias: &bias, prepared: pt },
                    map,
                    &mut scratch,
                    Screened { maxima: &mut maxima, best: &mut best, slack: &mut slack },
                )
            });
            let err = a.iter().zip(&bb).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let top = a.iter().fold(0.0f32, |a, b| a.max(*b));
            let mut out = vec![0.0; 16];
            let pos: Vec<u32> = (0..16).map(|i| (i / 4 * s + i % 4 + 4 * s + 4) as u32).collect();
            let ta = time(&mut || isa.activations(&f, &pos, map, &w[..f.len()], bias[0], &mut out));
            let same = pos.iter().zip(&out).all(|(p, o)| a[*p as usize * m].to_bits() == o.to_bits());
            let macs = (s * s * m * f.len()) as f64;
            println!(
                "{c:3}->{m:3} {s} {isa:7} direct {td:8.1} us {:6.1} GFLOP/s | tiles {tw:8.1} us {:6.1} | screen {ts:8.1} us | prepare {:.0} us | activations {ta:.1} us same {same} | err {err:.2e} of {top:.2} slack {:.2e}",
                2e-3 * macs / td,
                2e-3 * macs / tw,
                tp.as_secs_f64() * 1e6,
                slack[0]
            );
        }
    }
}
