//! The dictionary of a layer: each atom with its use, and the samples that excite it most.

use std::collections::BTreeMap;

use serde::Serialize;

use super::budget::Budget;
use super::charts::short;
use super::facts::percent;
use super::seen::{Seen, Shown};
use super::uri;
use crate::data::Form;
use crate::error::Result;
use crate::numbers::grouped;
use crate::picture::Tiles;
use crate::run::Trained;

/// The most atoms that are shown, as images and as curves.
const MOST_IMAGES: usize = 1024;
const MOST_CURVES: usize = 256;

/// A dictionary.
pub(super) struct Dictionary {
    /// The atoms, the most used first; in their own order if their use is not known.
    pub(super) atoms: Vec<Atom>,
    /// What the page says of all.
    pub(super) about: String,
}

/// An atom.
pub(super) struct Atom {
    /// Its key in the page's list of details.
    pub(super) key: String,
    pub(super) picture: String,
    /// The whole of what is known in a line.
    pub(super) title: String,
    /// Its use in a word: the share of the samples, or its number.
    pub(super) caption: String,
}

/// What a click on an atom shows.
#[derive(Serialize)]
pub(super) struct Detail {
    title: String,
    picture: String,
    /// The keys of samples, each with its caption.
    samples: Vec<(String, String)>,
    /// What to say below them.
    note: String,
}

/// The details of all atoms of a page by their keys, and the pictures of all samples in them.
#[derive(Default, Serialize)]
pub(super) struct Details {
    atoms: BTreeMap<String, Detail>,
    samples: BTreeMap<String, String>,
}

impl Dictionary {
    /// The dictionary of a layer, with the details of its atoms. `place` is the layer's on the page, `picked`
    /// the run's.
    ///
    /// # Errors
    ///
    /// As for [`Tiles::of_atoms`] and [`Tiles::of_samples`].
    pub(super) fn new(
        layer: &Trained,
        seen: Option<(&Shown<'_>, &Seen)>,
        (run, place): (usize, usize),
        budget: Budget,
        details: &mut Details,
    ) -> Result<Self> {
        let image = layer.resolved.image();
        let form = Form::of(image);
        let all = layer.network().decoder().conv.maps;
        let most = if form == Form::Image { MOST_IMAGES } else { MOST_CURVES };
        // Which atoms are the most used is known when samples were seen; all are made then.
        let tiles = Tiles::of_atoms(layer, image, if seen.is_some() { usize::MAX } else { most })?;
        let order: Vec<usize> = match seen {
            Some((_, seen)) => seen.exciting.by_use(),
            None => (0..tiles.len()).collect(),
        };
        let (mut of_atoms, mut of_samples) = (budget.part(55), budget.part(45));
        let mut atoms = Vec::new();
        for atom in order.into_iter().take(most) {
            let picture = uri::of(&tiles.draw(atom)?);
            // The details have it, too.
            if !of_atoms.take(2 * picture.len() + 400) {
                break;
            }
            let key = format!("{run}-{place}-{atom}");
            let (caption, title) = used(atom, seen.map(|(_, seen)| seen));
            let mut detail = Detail {
                title: title.clone(),
                picture: picture.clone(),
                samples: Vec::new(),
                note: String::new(),
            };
            if let Some((shown, seen)) = seen {
                detail.add_samples(atom, run, (shown, seen), &mut of_samples, &mut details.samples)?;
            }
            details.atoms.insert(key.clone(), detail);
            atoms.push(Atom { key, picture, title, caption });
        }
        let about = about(atoms.len(), all, seen);
        Ok(Self { atoms, about })
    }
}

/// The use of an atom: in a word, and in a line.
fn used(atom: usize, seen: Option<&Seen>) -> (String, String) {
    let Some(seen) = seen else { return (atom.to_string(), format!("Atom {atom}")) };
    let Some(excited) = seen.exciting.maps.get(atom) else {
        return (atom.to_string(), format!("Atom {atom}"));
    };
    if excited.used == 0 {
        return ("dead".to_owned(), format!("Atom {atom}: dead, active in no sample"));
    }
    let share = percent(excited.used as f64 / seen.exciting.samples.max(1) as f64);
    let title = format!(
        "Atom {atom}: active in {} of {} samples ({share}), mean activation {}",
        grouped(excited.used as u64),
        grouped(seen.exciting.samples as u64),
        short(excited.mean)
    );
    (share, title)
}

fn about(shown: usize, all: usize, seen: Option<(&Shown<'_>, &Seen)>) -> String {
    let which = if shown == all {
        format!("All {} atoms", grouped(all as u64))
    } else if seen.is_some() {
        format!("The {} most used of {} atoms", grouped(shown as u64), grouped(all as u64))
    } else {
        format!("The first {} of {} atoms", grouped(shown as u64), grouped(all as u64))
    };
    match seen {
        Some((shown, seen)) => {
            let dead = seen.exciting.maps.iter().filter(|map| map.used == 0).count();
            format!(
                "{which}, the most used first, each with the share of {} {} in which it is active. Never active: {}. A \
                 click shows the samples that excite an atom most.",
                grouped(seen.exciting.samples as u64),
                shown.what,
                grouped(dead as u64)
            )
        }
        None => format!("{which}, with their numbers."),
    }
}

impl Detail {
    /// Adds the samples that excite an atom most, as far as there is room for their pictures.
    fn add_samples(
        &mut self,
        atom: usize,
        run: usize,
        (shown, seen): (&Shown<'_>, &Seen),
        budget: &mut Budget,
        pictures: &mut BTreeMap<String, String>,
    ) -> Result<()> {
        let most = seen.exciting.maps.get(atom).map(|excited| &excited.most[..]).unwrap_or_default();
        let indices: Vec<usize> = most.iter().map(|(sample, _)| *sample).collect();
        if indices.is_empty() {
            self.note = "No sample excites it.".to_owned();
            return Ok(());
        }
        let labels = shown.samples.labels();
        let tiles = Tiles::of_samples(&shown.samples, &indices)?;
        for (place, (sample, activation)) in most.iter().enumerate() {
            let key = format!("{run}-{sample}");
            if !pictures.contains_key(&key) {
                let picture = uri::of(&tiles.draw(place)?);
                if !budget.take(picture.len() + 40) {
                    self.note = "Pictures of further samples would make this page too large.".to_owned();
                    continue;
                }
                pictures.insert(key.clone(), picture);
            }
            let class = labels.and_then(|labels| labels.get(*sample));
            let class = class.and_then(|class| shown.samples.classes().names().get(usize::from(*class)));
            let class = class.map_or(String::new(), |class| format!(", class {class}"));
            let caption = format!("sample {sample}{class}: {}", short(f64::from(*activation)));
            self.samples.push((key, caption));
        }
        Ok(())
    }
}
