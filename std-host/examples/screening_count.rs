//! Counts, over a whole data set, the winners that screening finds and those that evaluating every position
//! finds.
//!
//! `screening_count RUN DATA`: RUN is the folder of a trained convolutional network, DATA as for `wta train`.
//! Exits with an error if a single winner differs.

use std::error::Error;
use std::path::Path;

use rayon::prelude::*;
use wta::data::{Split, load};
use wta::memory::aligned::Aligned;
use wta::preprocess::Samples;
use wta::run::{Run, Trained};
use wta_core::{Encoder, Inputs, Kernels, Parameters, Size};
use wta_simd::Isa;

const USAGE: &str = "usage: screening_count RUN DATA";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [run, data] = &arguments[..] else { return Err(USAGE.into()) };
    let run = Run::new(Path::new(run));
    let recipe = run.recipe()?;
    let samples = Samples::new(&recipe, load(&recipe.data.set, Path::new(data), Split::Train, &())?)?;
    let trained = Trained::open(&run, samples.image_shape())?;
    let (isa, network) = (Isa::detect(), trained.network());
    let parameters = Parameters::new(network, &trained.parameters)?;
    let preprocessor = trained.preprocessor(isa)?;
    let mut prepared = Aligned::zeros(Encoder::prepared_len(isa, &network));
    let encoder = Encoder::new(isa, parameters, &mut prepared)?;
    if !encoder.screens(Size::ONE) {
        return Err(format!("{isa} does not screen the last layer of this network").into());
    }
    let (maps, last) = (network.code().channels, network.depth() - 1);
    let fields = network.top().receptive_fields();
    let positions: Vec<u32> = (0..fields.positions() as u32).collect();
    let count = |image: usize| -> wta::error::Result<[u64; 3]> {
        let mut pixels = vec![0.0; network.input().len()];
        let mut inputs = Aligned::zeros(network.inputs_len());
        let mut scratch = Aligned::zeros(Encoder::scratch_len(isa, &network));
        samples.write_all(&preprocessor, &[image], &mut pixels)?;
        encoder.load(1, 0, &pixels, &mut inputs)?;
        encoder.hidden(1, &mut inputs, &mut scratch)?;
        let input = Inputs::new(network, 1, &inputs)?.of(last, 0);
        let mut screen = vec![0.0; Encoder::screen_len(isa, &network)];
        encoder.screen(input, &mut scratch, &mut screen)?;
        let (mut values, mut places) = (vec![0.0; maps], vec![0; maps]);
        encoder.refine(input, &screen, &mut values, &mut places)?;

        let filters = parameters.filters(last);
        let mut everything = vec![0.0; positions.len()];
        let mut counts = [0; 3];
        let found = values.iter().zip(&places);
        let filters = filters.weights.chunks_exact(fields.len()).zip(filters.bias);
        for ((filter, bias), (value, place)) in filters.zip(found) {
            isa.activations(&fields, &positions, input, filter, *bias, &mut everything);
            let mut winner = (0.0f32, 0);
            for (value, position) in everything.iter().zip(&positions) {
                if *value > winner.0 {
                    winner = (*value, *position);
                }
            }
            let same = winner.0.to_bits() == value.to_bits() && (winner.0 == 0.0 || winner.1 == *place);
            counts[0] += 1;
            counts[1] += u64::from(winner.0 > 0.0);
            counts[2] += u64::from(!same);
        }
        Ok(counts)
    };
    let add = |a: [u64; 3], b: [u64; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
    let [winners, active, different] =
        (0..samples.len()).into_par_iter().map(count).try_reduce(|| [0; 3], |a, b| Ok(add(a, b)))?;
    println!(
        "{}: {winners} winners of {} images, {active} of them active; {different} differ ({isa})",
        recipe.name,
        samples.len()
    );
    if different > 0 { Err("screening is wrong".into()) } else { Ok(()) }
}
