//! t
use std::sync::atomic::AtomicBool;
use wta::{recipe, run::Run, samples::Samples, trainer::*, data::*, progress::Progress};
static STOP: AtomicBool = AtomicBool::new(false);
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let mut r = recipe::load(&a[1]).unwrap();
    if a.len() > 3 { r.training.epochs = a[3].parse().unwrap(); }
    let isa = if a.len() > 4 { a[4].parse().unwrap() } else { wta_simd::Isa::detect() };
    let s = Samples::new(&r, load(r.data.set, std::path::Path::new("/tmp/data"), Split::Train).unwrap()).unwrap();
    let o = train(&r, &s, &Run::new(&a[2]), Settings { isa, resume: false, stop: &STOP }, &Progress::new(false)).unwrap();
    println!("{o:?}");
}
