//! Random networks, trained by random numbers of processes: the bits are those of one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

use std::sync::Arc;

use proptest::prelude::*;
use wta::preprocess::Samples;
use wta::ranks::{Ranks, threads};
use wta::train::{Options, train};
use wta::{Dataset, Recipe, Shape, recipe};

const SHAPE: Shape = Shape::new(1, 11, 10);

/// The lines of a recipe that say what kind of network it is, and with what sparsity.
fn network() -> impl Strategy<Value = String> {
    let lifetime = prop_oneof![
        Just("sparsity = { lifetime = 0.3 }".to_owned()),
        Just("sparsity = { lifetime = 0.05 }".to_owned()),
        Just("sparsity = { lifetime = 0.1, start = 0.8, falling = 0.7 }".to_owned()),
        Just("sparsity = { }".to_owned()),
    ];
    let units = (1usize..40, any::<bool>(), lifetime.clone()).prop_map(|(units, tied, sparsity)| {
        format!("network = {{ kind = 'fully-connected', units = [{units}], tied = {tied}, initial = 'he' }}\n{sparsity}")
    });
    let several =
        (prop::collection::vec(1usize..20, 2..4), lifetime.clone()).prop_map(|(units, sparsity)| {
            format!("network = {{ kind = 'fully-connected', units = {units:?}, initial = 'he' }}\n{sparsity}")
        });
    let k_sparse = (4usize..40, 1usize..4).prop_map(|(units, k)| {
        format!("network = {{ kind = 'fully-connected', units = [{units}], initial = 'he' }}\nsparsity = {{ per-sample = {k} }}")
    });
    let layer = (1usize..20, prop_oneof![Just(1), Just(3), Just(5)], 1usize..3);
    let convolutional =
        (prop::collection::vec(layer, 1..4), prop_oneof![Just(3), Just(5)], lifetime).prop_map(|(layers, atom, sparsity)| {
            // One layer with a stride: the maps stay larger than nothing.
            let mut has_stride = false;
            let layers = layers.into_iter().map(|(maps, kernel, stride)| {
                let stride = if has_stride { 1 } else { stride };
                has_stride |= stride > 1;
                format!("{{ maps = {maps}, kernel = {kernel}, stride = {stride} }}")
            });
            let layers = layers.collect::<Vec<_>>().join(", ");
            format!("network = {{ kind = 'convolutional', encoder = [{layers}], decoder_kernel = {atom}, initial = 'he' }}\n{sparsity}")
        });
    let rbm = (1usize..40, 1usize..3, any::<bool>(), any::<bool>()).prop_map(|(units, steps, persistent, wta)| {
        let sparsity = if wta { "sparsity = { lifetime = 0.3 }" } else { "sparsity = { }" };
        format!("network = {{ kind = 'rbm', hidden = {units}, gibbs_steps = {steps}, persistent = {persistent}, initial = {{ normal = 0.01 }} }}\n{sparsity}")
    });
    prop_oneof![units, several, k_sparse, convolutional, rbm]
}

/// A recipe, and a number of processes.
fn job() -> impl Strategy<Value = (String, usize)> {
    let corruption =
        prop_oneof![Just(""), Just("corruption = { hidden = 0.4 }"), Just("corruption = { input = 0.2 }")];
    let clip = prop_oneof![Just(""), Just(", clip_gradient = 0.05")];
    (network(), corruption, clip, 1usize..19, 1u64..1000, 2usize..12).prop_map(
        |(network, corruption, clip, batch, seed, processes)| {
            let is_rbm = network.contains("'rbm'");
            let (optimizer, corruption) = match is_rbm {
                true => ("{ sgd = { momentum = 0.5 } }", ""),
                false => ("'adam'", corruption),
            };
            let training = format!(
                "training = {{ epochs = 2, batch = {batch}, optimizer = {optimizer}, rate = 0.01, seed = {seed}{clip} }}"
            );
            let text = format!("name = 'x'\nabout = 'x'\ndata = {{ set = 'memory' }}\n{network}\n{corruption}\n{training}");
            (text, processes)
        },
    )
}

fn data() -> Dataset {
    let number = |index: usize| ((index * 7919 % 1009) as f32 / 1009.0).powi(2);
    Dataset::from_floats(SHAPE, (0..40 * SHAPE.len()).map(number).collect::<Vec<f32>>()).unwrap()
}

/// The weights of one process, or what is wrong; then those of several.
fn trained(recipe: &Recipe, data: &Dataset, processes: usize) -> Vec<Result<Vec<u32>, String>> {
    threads::run(processes, |rank| {
        let rank = Arc::new(rank) as Arc<dyn Ranks>;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let samples = Samples::new(recipe, data).unwrap();
        let options = Options { ranks: Some(&rank), ..Options::default() };
        let result = pool.install(|| train(recipe, &samples, options, &()));
        result
            .map(|(trained, _)| trained.parameters.iter().map(|number| number.to_bits()).collect())
            .map_err(|error| error.to_string())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn any_network_by_any_number_of_processes((text, processes) in job()) {
        let recipe = recipe::parse(&text, "test").unwrap();
        let data = data();
        let alone = trained(&recipe, &data, 1).remove(0);
        prop_assert!(alone.is_ok(), "{text}\n{alone:?}");
        for result in trained(&recipe, &data, processes) {
            prop_assert!(result == alone, "{text}\nby {processes} processes: {:?}", result.err());
        }
    }
}
