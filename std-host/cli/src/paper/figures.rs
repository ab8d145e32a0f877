//! The paper's figures, as small PNGs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wta_core::{Pool, Shape, Size};

use super::rows::Figure;
use super::runs::{Finished, PaperRuns};
use crate::error::{Error, Result};
use wta::data::Split;
use wta::encode::FeatureEncoder;
use wta::files::atomic;
use wta::picture::{self, Picture};
use wta::preprocess::Preprocessor;
use wta::recipe::{Architecture, Recipe};

/// The folder of the pictures.
const FOLDER: &str = "pictures";

/// The most atoms shown of a large dictionary: enough to judge it, in a small picture.
const ATOMS: usize = 160;

/// Figure 1's lifetime rates, in per cent.
const LIFETIMES: [u8; 5] = [30, 10, 5, 2, 1];

/// The epochs of a network whose dictionary is only looked at.
const EPOCHS: usize = 5;

/// The hidden units of Figure 3's RBMs.
const RBM_UNITS: usize = 256;

/// The maps of Figure 5's second layer that are shown.
const SECOND_MAPS: usize = 48;

/// A picture with its caption.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Panel {
    /// The file's name in the folder of the pictures.
    pub(super) file: String,
    /// The caption.
    pub(super) caption: String,
}

/// A finished figure.
#[derive(Serialize, Deserialize)]
struct Drawn {
    /// The recipes of the networks that it shows, as JSON: only compared, so no key needs to be understood.
    recipes: serde_json::Value,
    panels: Vec<Panel>,
}

impl Figure {
    /// The recipes of the networks that it shows. Each is trained in the folder of its name.
    fn recipes(self, runs: &PaperRuns<'_>) -> Result<Vec<Recipe>> {
        let seed = runs.settings.seed;
        let recipe = |name: &str| runs.recipe(name, seed);
        let with_lifetime = |name: &str, percent: u8| -> Result<Recipe> {
            let mut recipe = recipe(name)?;
            recipe.sparsity.lifetime = Some(f32::from(percent) / 100.0);
            recipe.name = format!("{name}-lifetime-{percent}");
            Ok(recipe)
        };
        match self {
            Self::One => LIFETIMES
                .iter()
                .map(|percent| {
                    let mut recipe = with_lifetime("mnist-fc1000", *percent)?;
                    recipe.training.epochs = recipe.training.epochs.min(EPOCHS);
                    Ok(recipe)
                })
                .collect(),
            Self::Three => ["mnist-rbm", "mnist-wta-rbm"]
                .iter()
                .map(|name| {
                    let mut recipe = with_units(recipe(name)?, RBM_UNITS)?;
                    recipe.name = format!("{name}-{RBM_UNITS}");
                    recipe.training.epochs = recipe.training.epochs.min(EPOCHS);
                    Ok(recipe)
                })
                .collect(),
            Self::Four => ["mnist-conv-dropout", "mnist-conv16"].into_iter().map(recipe).collect(),
            Self::Five => ["mnist-conv16", "mnist-conv16-stacked"].into_iter().map(recipe).collect(),
            Self::Dictionary => Ok(vec![recipe("cifar10-conv64")?]),
            Self::Six => {
                let name = "mnist-conv64x3";
                Ok(vec![recipe(name)?, with_lifetime(name, 20)?, with_lifetime(name, 5)?])
            }
        }
    }

    fn record(self, runs: &PaperRuns<'_>) -> PathBuf {
        runs.file(FOLDER).join(format!("{}.json", self.name()))
    }

    /// Its pictures, if they have been drawn from these networks.
    pub(super) fn panels(self, runs: &PaperRuns<'_>) -> Result<Option<Vec<Panel>>> {
        let path = self.record(runs);
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).map_err(|e| wta::Error::io("read", &path, e))?;
        let drawn = |recipes: &[Recipe]| -> serde_json::Result<Option<Vec<Panel>>> {
            let drawn: Drawn = serde_json::from_str(&text)?;
            Ok((drawn.recipes == as_json(recipes)?).then_some(drawn.panels))
        };
        Ok(drawn(&self.recipes(runs)?).map_err(|e| {
            wta::Error::file(&path, format!("cannot be read ({e}); remove it and run this again"))
        })?)
    }

    /// Trains its networks and draws it.
    pub(super) fn draw(self, runs: &PaperRuns<'_>) -> Result<Vec<Panel>> {
        let recipes = self.recipes(runs)?;
        let networks: Vec<Finished> =
            recipes.iter().map(|recipe| runs.train(recipe, &recipe.name)).collect::<Result<_>>()?;
        atomic::create_dir(&runs.file(FOLDER))?;
        let pictures = match self {
            Self::Five => digit(runs, &recipes, &networks)?,
            _ => dictionaries(runs, &recipes, &networks)?,
        };
        let mut panels = Vec::new();
        for (place, (picture, caption)) in ('a'..).zip(pictures) {
            let file = format!("{}{place}.png", self.name());
            picture.save(&runs.file(FOLDER).join(&file))?;
            panels.push(Panel { file, caption });
        }
        atomic::replace(&self.record(runs), |to| {
            let drawn = Drawn { recipes: as_json(&recipes)?, panels: panels.clone() };
            Ok(serde_json::to_writer_pretty(to, &drawn)?)
        })?;
        Ok(panels)
    }
}

/// Recipes as a file has them. By way of text, which has an `f32` in its own few digits: a value made
/// directly has those of the nearest `f64`, and would never equal what is read.
fn as_json(recipes: &[Recipe]) -> serde_json::Result<serde_json::Value> {
    serde_json::from_str(&serde_json::to_string(recipes)?)
}

/// A recipe of an RBM, or of a fully-connected network of one layer, with `count` units.
fn with_units(mut recipe: Recipe, count: usize) -> Result<Recipe> {
    match &mut recipe.network {
        Architecture::FullyConnected { units, .. } => *units = vec![count],
        Architecture::Rbm { hidden, .. } => *hidden = count,
        Architecture::Convolutional { .. } => {
            return Err(Error::Usage(format!(
                "recipe {}: a convolutional network has no units",
                recipe.name
            )));
        }
    }
    recipe.check()?;
    Ok(recipe)
}

/// A picture of the dictionary of each network.
fn dictionaries(
    runs: &PaperRuns<'_>,
    recipes: &[Recipe],
    networks: &[Finished],
) -> Result<Vec<(Picture, String)>> {
    let image = image_shape(recipes);
    let dead_shares: Vec<f64> = recipes
        .iter()
        .zip(networks)
        .map(|(recipe, network)| dead_share(runs, recipe, network))
        .collect::<Result<_>>()?;
    let pictures = recipes.iter().zip(networks).zip(dead_shares).map(|((recipe, network), dead)| {
        let count = network.trained.network().decoder().conv.maps;
        let shown = if count > ATOMS {
            format!("the first {ATOMS} of {count} atoms")
        } else {
            format!("{count} atoms")
        };
        let dead = 100.0 * dead;
        runs.observer.note(&format!("{}: dead atoms {dead:.1}%", recipe.name));
        let caption = format!(
            "`{}`: {}{shown}, {dead:.1}% dead (0 on every test image)",
            recipe.name,
            sparsity(recipe)
        );
        Ok((picture::first_atoms(&network.trained, image, ATOMS)?, caption))
    });
    pictures.collect()
}

/// The share of maps that are 0 on every test image. After a training of one epoch it says more than the
/// share of maps that never survived in that epoch, because many maps had not learnt yet.
fn dead_share(runs: &PaperRuns<'_>, recipe: &Recipe, network: &Finished) -> Result<f64> {
    let samples = runs.samples(recipe, Split::Test)?;
    let code = network.trained.network().code();
    // The maximum of each map is enough.
    let whole = Pool {
        kernel: Size::new(code.height, code.width),
        stride: Size::new(code.height, code.width),
        ..Pool::NONE
    };
    let encoder = FeatureEncoder::new(runs.settings.isa, &network.trained)?.pooled(whole)?;
    let mut survives = vec![false; code.channels];
    encoder.run(&samples, |maxima| {
        for image in maxima.chunks_exact(code.channels) {
            survives.iter_mut().zip(image).for_each(|(survives, max)| *survives |= *max > 0.0);
        }
        Ok(())
    })?;
    Ok(survives.iter().filter(|survives| !**survives).count() as f64 / survives.len() as f64)
}

fn sparsity(recipe: &Recipe) -> String {
    match recipe.sparsity.lifetime {
        Some(rate) => format!("lifetime sparsity {:.0}%; ", 100.0 * rate),
        None => String::new(),
    }
}

fn image_shape(recipes: &[Recipe]) -> Shape {
    recipes.first().and_then(|recipe| recipe.data.set.image_shape()).unwrap_or(Shape::vector(0))
}

/// The first test digit on its way through the network: the input, the dictionary, the maps in training, the
/// maps after training, the pooled maps, and the maps of a second layer.
fn digit(runs: &PaperRuns<'_>, recipes: &[Recipe], networks: &[Finished]) -> Result<Vec<(Picture, String)>> {
    let (Some(recipe), [first, second]) = (recipes.first(), networks) else {
        return Err(Error::Usage("Figure 5 takes a network and one that is stacked on it".to_owned()));
    };
    let samples = runs.samples(recipe, Split::Test)?;
    let image = samples.image_shape();
    let mut pixels = vec![0.0; image.len()];
    samples.write_all(&Preprocessor::none(image), &[0], &mut pixels)?;
    let features = |network: &Finished, pool: Option<Pool>| -> Result<(Shape, Vec<f32>)> {
        let encoder = FeatureEncoder::new(runs.settings.isa, &network.trained)?;
        let encoder = match pool {
            Some(pool) => encoder.pooled(pool)?,
            None => encoder,
        };
        let mut maps = vec![0.0; encoder.shape().len()];
        encoder.encode(&samples, &[0], &mut maps)?;
        Ok((encoder.shape(), maps))
    };
    let draw = |(shape, maps): &(Shape, Vec<f32>), count: usize| {
        let count = count.min(shape.channels);
        let some: Vec<f32> = maps
            .chunks_exact(shape.channels)
            .flat_map(|position| position.iter().take(count))
            .copied()
            .collect();
        picture::image::feature_maps(&some, shape.height, shape.width, count, &[])
    };
    let dense = features(first, Some(Pool::NONE))?;
    let pooled = features(first, None)?;
    let above = features(second, None)?;
    let maps = dense.0.channels;
    let winners = (dense.0, winners_only(dense.0, &dense.1));
    let second_maps = SECOND_MAPS.min(above.0.channels);
    Ok(vec![
        (draw(&(image, pixels), image.channels)?, "(a) the input".to_owned()),
        (
            picture::first_atoms(&first.trained, image, ATOMS)?,
            format!("(b) the dictionary, {maps} deconvolution filters"),
        ),
        (
            draw(&winners, maps)?,
            format!(
                "(c) the {maps} feature maps in training: one winner each, here in white whatever its value"
            ),
        ),
        (draw(&dense, maps)?, format!("(d) the {maps} feature maps after training, sparsity off")),
        (
            draw(&pooled, maps)?,
            format!("(e) these maps after max-pooling, {} x {}", pooled.0.height, pooled.0.width),
        ),
        (
            draw(&above, second_maps)?,
            format!(
                "(f) {second_maps} of the {} maps of a second layer on (e), sparsity off, pooled",
                above.0.channels
            ),
        ),
    ])
}

/// Each map with a 1 at its maximum (the first of equal ones) and 0 elsewhere: the places of the winners that
/// spatial sparsity leaves.
fn winners_only(shape: Shape, maps: &[f32]) -> Vec<f32> {
    let mut only = vec![0.0; maps.len()];
    for map in 0..shape.channels {
        let values = maps.iter().enumerate().skip(map).step_by(shape.channels);
        let best =
            values.fold((0, 0.0f32), |best, (at, value)| if *value > best.1 { (at, *value) } else { best });
        // If a map is 0 everywhere, it has no winner, and nothing is written.
        if let Some(place) = only.get_mut(best.0).filter(|_| best.1 > 0.0) {
            *place = 1.0;
        }
    }
    only
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_changed_and_nothing_else() {
        let wide = wta::recipe::load("mnist-fc2000").unwrap();
        let narrow = with_units(wide.clone(), 256).unwrap();
        assert_eq!(narrow.resolve(Shape::vector(784)).unwrap().network().code().channels, 256);
        assert_eq!(with_units(narrow, 2000).unwrap(), wide);
        let error = with_units(wta::recipe::load("mnist-conv16").unwrap(), 256).unwrap_err().to_string();
        assert!(error.contains("mnist-conv16") && error.contains("has no units"), "{error}");
    }

    #[test]
    fn winners_are_each_maps_first_maximum() {
        let shape = Shape::new(3, 1, 3);
        let maps = [1.0, 0.0, 0.0, 2.0, 5.0, 0.0, 2.0, 4.0, 0.0];
        assert_eq!(winners_only(shape, &maps), [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }
}
