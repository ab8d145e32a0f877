//! A recipe in sentences.

use std::fmt::Display;

use wta_core::{Network, Selection, Shape, Size};

use crate::data::{DataSource, Form};
use crate::numbers::channels_rows_columns;
use crate::recipe::settings_under;
use crate::recipe::{
    Architecture, InitialRecipe, OptimizerRecipe, Recipe, Resolved, ScheduleRecipe, SvmScale,
};

/// A sentence or two about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) topic: String,
    pub(super) text: String,
}

/// What a recipe does, from the samples to the classifier.
pub(super) fn in_words(resolved: &Resolved, form: Form) -> Vec<Said> {
    let mut said = Vec::new();
    let mut say = |topic: &str, text: String| said.push(Said { topic: topic.to_owned(), text });
    let layers = resolved.layers();
    let lowest = layers.first().map_or(resolved.recipe(), |layer| layer.recipe());
    say("samples", samples(lowest, resolved.image(), form));
    if !lowest.preprocess.is_empty() {
        say("preprocessing", preprocessing(lowest));
    }
    let of_layer = |topic: &str, number: usize| match layers.len() {
        1 => topic.to_owned(),
        _ => format!("{topic} of layer {number}"),
    };
    for (number, layer) in (1..).zip(&layers) {
        say(&of_layer("network", number), network(layer));
        say(&of_layer("sparsity", number), sparsity(layer));
        say(&of_layer("training", number), training(layer.recipe(), form));
    }
    let recipe = resolved.recipe();
    say("features", features(resolved));
    say("classifier", classifier(recipe));
    said
}

fn samples(recipe: &Recipe, shape: Shape, form: Form) -> String {
    let of = match recipe.data.set {
        DataSource::Digits => "the handwritten digits that come with the program",
        DataSource::Mnist => "MNIST, handwritten digits",
        DataSource::Cifar10 => "CIFAR-10, small photographs",
        DataSource::Svhn { .. } => "SVHN, house numbers",
        DataSource::Images(_) => "pictures in folders",
        DataSource::Array(_) => "arrays in files",
        DataSource::Signals(_) => "recordings",
        DataSource::Memory => "samples that a program gave",
    };
    let kind = match form {
        Form::Image => "images",
        Form::Signal => "signals",
        Form::Vector => "vectors",
    };
    let divided = match recipe.data.divide_by {
        1.0 => String::new(),
        by => format!(", divided by {by}"),
    };
    format!("{of}: {kind} of {} numbers (channels x rows x columns){divided}", channels_rows_columns(shape))
}

fn preprocessing(recipe: &Recipe) -> String {
    let steps = recipe.preprocess.iter().map(|step| {
        let settings = settings_under("", step);
        let settings: Vec<String> = settings
            .iter()
            .filter(|(key, _)| *key != "step")
            .map(|(key, value)| format!("{key} {value}"))
            .collect();
        let name = match step.name() {
            "zca" => "ZCA whitening",
            "contrast" => "contrast normalisation",
            "local-contrast" => "local contrast normalisation",
            "standardise" => "standardising",
            other => other,
        };
        if settings.is_empty() { name.to_owned() } else { format!("{name} ({})", settings.join(", ")) }
    });
    steps.collect::<Vec<_>>().join(", then ")
}

fn network(resolved: &Resolved) -> String {
    let recipe = resolved.recipe();
    let network = resolved.network();
    let tied = if network.is_tied() { "; encoder and decoder share their weights" } else { "" };
    let initial = match recipe.network.initial() {
        InitialRecipe::He => "random".to_owned(),
        InitialRecipe::Normal(deviation) => format!("random with standard deviation {deviation}"),
        InitialRecipe::Patches => "patches of the samples".to_owned(),
        InitialRecipe::Transposed => "random atoms, and an encoder that is their transpose".to_owned(),
    };
    let parameters = counted(network.parameters_len(), "parameter");
    let layers = match recipe.network {
        Architecture::Rbm { hidden, gibbs_steps, persistent, .. } => {
            let chains = if persistent { "persistent chains of " } else { "" };
            format!(
                "a restricted Boltzmann machine of {} visible and {hidden} hidden units, trained by contrastive divergence \
                 with {chains}{}",
                network.input().len(),
                counted(gibbs_steps, "Gibbs step")
            )
        }
        Architecture::FullyConnected { .. } => {
            let units: Vec<String> = network.layers().map(|layer| layer.conv.maps.to_string()).collect();
            format!(
                "fully connected: {} numbers, {} units, and a linear decoder{tied}",
                network.input().len(),
                units.join(", then ")
            )
        }
        Architecture::Convolutional { .. } => convolutional(&network) + tied,
    };
    format!("{layers}; {parameters}, at the start {initial}")
}

fn convolutional(network: &Network) -> String {
    let layers: Vec<String> = network
        .layers()
        .map(|layer| {
            let stride = match layer.conv.stride {
                Size::ONE => String::new(),
                stride => format!(" with stride {}", size(stride)),
            };
            format!("{} of {}{stride}", counted(layer.conv.maps, "filter"), size(layer.conv.kernel))
        })
        .collect();
    let decoder = network.decoder().conv;
    format!(
        "convolutional with rectified linear units: {}; a linear deconvolution with {} of {}",
        layers.join(", then "),
        counted(decoder.maps, "dictionary atom"),
        size(decoder.kernel)
    )
}

fn sparsity(resolved: &Resolved) -> String {
    let recipe = resolved.recipe();
    let network = resolved.network();
    let sparsity = recipe.sparsity.at_end(network.code());
    let spatial = match (network.is_fully_connected(), sparsity.grid) {
        (true, _) => String::new(),
        (false, Size::ONE) => {
            "of each feature map, the largest activation of a sample wins (spatial sparsity); ".to_owned()
        }
        (false, grid) => format!(
            "each feature map is divided into {} windows, and in each the largest activation wins (spatial sparsity); ",
            size(grid)
        ),
    };
    let what = if network.is_fully_connected() { "activations" } else { "winners" };
    let per = if network.is_fully_connected() { "unit" } else { "map" };
    let selected = match sparsity.selection {
        Selection::All => format!("all {what} survive"),
        Selection::Lifetime { rate } => {
            format!(
                "of each {per}'s {what} in a batch, the largest {}% survive (lifetime sparsity)",
                percents(rate)
            )
        }
        Selection::PerSample { count } => format!("the {count} largest {what} of each sample survive"),
        Selection::Batch { count } => {
            format!("the largest {what} of a batch survive, {count} for each sample on average")
        }
    };
    let start = match recipe.sparsity.start {
        Some(start) => {
            format!("; at the start {start}, falling over the first {} of training", recipe.sparsity.falling)
        }
        None => String::new(),
    };
    format!("{spatial}{selected}{start}")
}

fn training(recipe: &Recipe, form: Form) -> String {
    let training = &recipe.training;
    if training.epochs == 0 {
        return "none: the initial weights are used".to_owned();
    }
    let optimizer = match training.optimizer {
        OptimizerRecipe::Adam => "Adam".to_owned(),
        OptimizerRecipe::Sgd { momentum } => format!("gradient descent with momentum {momentum}"),
    };
    let schedule = match training.schedule {
        ScheduleRecipe::Constant => String::new(),
        ScheduleRecipe::Linear => ", falling linearly to 0".to_owned(),
        ScheduleRecipe::Step { at, factor } => {
            format!(", times {factor} after {}% of the steps", percents(at))
        }
        ScheduleRecipe::Ramps { rise, fall } => {
            format!(
                ", rising over the first {}% and falling over the last {}% of the steps",
                percents(rise),
                percents(fall)
            )
        }
    };
    let more = [
        (training.decay > 0.0, format!("weight decay {}", training.decay)),
        (
            recipe.corruption.input > 0.0,
            format!("{}% of each input hidden", percents(recipe.corruption.input)),
        ),
        (
            recipe.corruption.hidden > 0.0,
            format!("{}% of each code hidden", percents(recipe.corruption.hidden)),
        ),
        (training.revive, "units that never win are revived".to_owned()),
    ];
    let more: String = more.into_iter().filter(|(is, _)| *is).map(|(_, text)| format!("; {text}")).collect();
    format!(
        "{}, {} {} a step; {optimizer}, rate {}{schedule}; seed {}{more}",
        counted(training.epochs, "epoch"),
        training.batch,
        form.samples(),
        training.rate,
        training.seed
    )
}

fn features(resolved: &Resolved) -> String {
    let features = &resolved.recipe().features;
    let shape = resolved.features();
    let pool = match features.pool {
        None => "not pooled".to_owned(),
        Some(pool) => {
            let kind = if pool.average { "mean" } else { "largest activation" };
            format!(
                "the {kind} in windows of {} every {}",
                size(pool.kernel.over(resolved.encoding().code())),
                size(pool.stride.over(resolved.encoding().code()))
            )
        }
    };
    let root = if features.root { "; square roots" } else { "" };
    let text = format!(
        "{} for each sample: all activations, no winners chosen; {pool}{root}",
        counted(shape.len(), "number")
    );
    text
}

fn classifier(recipe: &Recipe) -> String {
    let svm = &recipe.svm;
    let values: Vec<String> = svm.c.iter().map(f64::to_string).collect();
    let more = [
        (svm.lower_layers > 0.0, "sees the features of all layers"),
        (svm.mirror, "learns from mirrored images too"),
        (svm.shift > 0, "learns from moved images too"),
        (svm.scale == SvmScale::Feature, "has each feature on a scale of its own"),
    ];
    let more: String = more.iter().filter(|(is, _)| *is).map(|(_, text)| format!("; it {text}")).collect();
    format!(
        "a linear SVM, one class against the rest; C of {}, chosen on held-out samples{more}",
        values.join(", ")
    )
}

fn size(size: Size) -> String {
    format!("{} x {}", size.height, size.width)
}

/// `1 epoch`, `20 epochs`.
fn counted(count: usize, what: impl Display) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", crate::numbers::grouped(count as u64))
}

/// A share in hundredths, with at most two decimals.
fn percents(share: f32) -> f64 {
    f64::from((share * 1e4).round()) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe;

    fn said(name: &str, shape: Shape) -> Vec<(String, String)> {
        let resolved = recipe::load(name).unwrap().resolve(shape).unwrap();
        in_words(&resolved, Form::of(shape)).into_iter().map(|said| (said.topic, said.text)).collect()
    }

    fn of<'a>(said: &'a [(String, String)], topic: &str) -> &'a str {
        &said.iter().find(|(known, _)| known == topic).unwrap().1
    }

    #[test]
    fn the_papers_networks_are_told_in_its_words() {
        let digits = Shape::new(1, 28, 28);
        let conv = said("mnist-conv128", digits);
        assert_eq!(
            of(&conv, "network"),
            "convolutional with rectified linear units: 128 filters of 5 x 5, then 128 filters of 5 x 5; a linear \
             deconvolution with 128 dictionary atoms of 11 x 11; 428,545 parameters, at the start random"
        );
        assert!(
            of(&conv, "sparsity").starts_with("of each feature map, the largest activation of a sample wins")
        );
        let full = said("mnist-fc2000", digits);
        assert!(of(&full, "network").starts_with("fully connected: 784 numbers, 2000 units"));
        assert!(
            of(&full, "sparsity").contains("of each unit's activations in a batch, the largest 5% survive")
        );
        assert!(
            of(&said("mnist-rbm", digits), "network").starts_with("a restricted Boltzmann machine of 784")
        );
    }

    #[test]
    fn every_recipe_has_each_topic_and_a_stack_each_layers() {
        for name in recipe::names() {
            let recipe = recipe::load(name).unwrap();
            let Some(shape) = recipe.data.set.image_shape() else { continue };
            let layers = recipe.layers().len();
            let said = said(name, shape);
            let topics = said.iter().filter(|(topic, _)| topic.starts_with("network")).count();
            assert_eq!(topics, layers, "{name}");
            assert!(
                said.iter().all(|(_, text)| !text.is_empty() && !text.contains("  ")),
                "{name}: {said:?}"
            );
        }
        let shape = Shape::new(3, 32, 32);
        assert!(of(&said("cifar10-conv64", shape), "preprocessing").contains("ZCA whitening"));
    }
}
