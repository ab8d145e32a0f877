//! `wta eval` of a run whose samples have no labels: how well the network reconstructs samples that it was
//! not trained on, and how sparse their codes are.

use std::path::Path;

use wta::data::Split;
use wta::encode::{Measures, NetworkInputs, SparseEncoder, measure};
use wta::preprocess::Samples;
use wta::run::{Run, Trained};
use wta::train::held_out_of;
use wta::{Isa, Observer};

use crate::bar::Bar;
use crate::error::{Error, Result};
use crate::load::samples;
use crate::print::{json, print};

/// The file in the run folder.
pub(super) const RECORD: &str = "reconstruction.json";

/// How it is measured.
pub(super) struct How<'a> {
    /// The folder of the data set.
    pub(super) data: Option<&'a Path>,
    /// Whether the test samples are left alone, and nothing is written.
    pub(super) validate: bool,
    /// Whether JSON is printed.
    pub(super) json: bool,
}

/// Measures the network on the test samples, or without such samples on those that training held out, and
/// prints a table.
pub(super) fn run(
    how: &How<'_>,
    run: &Run,
    trained: &Trained,
    train: &Samples<'_>,
    isa: Isa,
    bar: &Bar,
) -> Result<()> {
    let recipe = trained.recipe();
    let (what, chosen) = if recipe.data.set.has_test() && !how.validate {
        ("test samples", None)
    } else if recipe.training.held_out.is_some() {
        ("held-out samples", Some(held_out_of(recipe, train.len())?))
    } else {
        let name = &recipe.name;
        return Err(Error::Usage(format!(
            "recipe {name} has no labels to classify by, and no samples that training does not see: add \
             data.test = FILE, data.test_share = 0.1 or training.held_out = 0.1"
        )));
    };
    let test = match chosen {
        None => Some(samples(recipe, how.data, Split::Test, bar)?),
        Some(_) => None,
    };
    let measured = test.as_ref().unwrap_or(train);
    trained.resolved.expect_image(measured.image_shape())?;
    let chosen = chosen.unwrap_or_else(|| (0..measured.len()).collect());
    let encoder = SparseEncoder::of(isa, trained)?;
    let inputs = NetworkInputs::new(isa, trained)?;
    bar.begin("reconstruct", chosen.len() as u64);
    let found = measure(&encoder, chosen.len(), recipe.training.batch, |places, to| {
        if bar.should_stop() {
            return Err(wta::Error::Interrupted(wta::error::Interrupted::Evaluation));
        }
        let indices: Vec<usize> = places.iter().filter_map(|place| chosen.get(*place).copied()).collect();
        let made = inputs.of(measured, &indices)?;
        to.iter_mut().zip(made).for_each(|(to, from)| *to = from);
        bar.advance(places.len() as u64);
        Ok(())
    });
    bar.end();
    let found = found?;
    // Printed before anything is written, so that a full disk does not cost the result.
    if how.json {
        print(&json("the measures", serde_json::to_string(&found))?)?;
    } else {
        print(&table(what, &found, trained))?;
    }
    if !how.validate {
        run.save_json(RECORD, &found)?;
    }
    Ok(())
}

fn table(what: &str, found: &Measures, trained: &Trained) -> String {
    let maps = trained.network().code().channels;
    let of_maps = |share: f64| format!("{:.2}% of {maps}", 100.0 * share);
    let rows = [
        ("FVU, variance unexplained", found.fvu.map_or("-".to_owned(), |fvu| format!("{:.2}%", 100.0 * fvu))),
        ("half the squared error", format!("{:.4}", found.loss)),
        ("cosine to the sample", format!("{:.4}", found.cosine)),
        ("L0, active in a sample", format!("{:.1}", found.active)),
        ("L1, their sum", format!("{:.3}", found.l1)),
        ("dead, active in none", of_maps(found.dead_share)),
        ("dense, active in over 10%", of_maps(found.dense_share)),
    ];
    let mut text = format!("{} {what}\n", found.samples);
    rows.iter().for_each(|(name, value)| text += &format!("{name:27} {value:>16}\n"));
    text
}
