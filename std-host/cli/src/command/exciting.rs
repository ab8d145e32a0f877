//! `wta show --top`: the samples that excite each map most, as a table and a picture.

use wta::data::Form;
use wta::encode::Exciting;
use wta::picture;
use wta::preprocess::Samples;
use wta::run::{Run, Trained};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::output;
use crate::print::print;

/// The most atoms in the picture.
const MOST_ATOMS: usize = 40;

/// The lines that are printed.
const LINES: usize = 10;

/// Writes `atoms.csv`, and of pictures `atoms.png`; prints the most used maps.
pub(super) fn run(
    run: &Run,
    trained: &Trained,
    samples: &Samples<'_>,
    top: usize,
    context: &Context,
) -> Result<()> {
    let found = Exciting::new(context.isa, trained, samples, top, &context.bar())?;
    let by_use = found.by_use();
    print(&table(&found, &by_use))?;
    let path = run.file("atoms.csv");
    output::write(&path, &csv(&found, top)?)?;
    print(&format!("written: {}\n", path.display()))?;
    if samples.form() == Form::Image && trained.below.is_none() {
        let shown: Vec<usize> = by_use.into_iter().take(MOST_ATOMS).collect();
        if let Some(picture) = picture::exciting(trained, samples, &found, &shown)? {
            let path = run.file("atoms.png");
            picture.save(&path)?;
            print(&format!("picture: {}\n", path.display()))?;
        }
    }
    Ok(())
}

/// The most used maps, for people.
fn table(found: &Exciting, by_use: &[usize]) -> String {
    let mut text =
        format!("{:>6} {:>9} {:>10}   samples that excite it most (activation)\n", "map", "active", "mean");
    for map in by_use.iter().take(LINES) {
        let Some(excited) = found.maps.get(*map) else { continue };
        let share = 100.0 * excited.used as f64 / found.samples.max(1) as f64;
        let most: Vec<String> =
            excited.most.iter().take(4).map(|(sample, value)| format!("{sample} ({value:.3})")).collect();
        text += &format!("{map:>6} {share:>8.2}% {:>10.4}   {}\n", excited.mean, most.join(", "));
    }
    let dead = found.maps.iter().filter(|excited| excited.used == 0).count();
    text + &format!("{dead} of {} maps are active in none of {} samples\n", found.maps.len(), found.samples)
}

/// A line for each map.
fn csv(found: &Exciting, top: usize) -> Result<Vec<u8>> {
    let failed = |error: String| Error::Usage(format!("the atoms cannot be written as CSV: {error}"));
    let mut rows = csv::Writer::from_writer(Vec::new());
    let mut row = ["map", "active", "mean"].map(str::to_owned).to_vec();
    row.extend((1..=top).flat_map(|place| [format!("sample{place}"), format!("activation{place}")]));
    rows.write_record(&row).map_err(|error| failed(error.to_string()))?;
    for (map, excited) in found.maps.iter().enumerate() {
        let places = row.len();
        row = vec![map.to_string(), excited.used.to_string(), excited.mean.to_string()];
        row.extend(excited.most.iter().flat_map(|(sample, value)| [sample.to_string(), value.to_string()]));
        row.resize(places, String::new());
        rows.write_record(&row).map_err(|error| failed(error.to_string()))?;
    }
    rows.into_inner().map_err(|error| failed(error.to_string()))
}
