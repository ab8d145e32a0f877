//! What a training step computes and sends, whatever the number of processes.

use wta::Isa;
use wta::Result;
use wta::profile::cases::{BATCH, Case};
use wta::profile::{Settings, Subject, profile};

/// The pixels of a piece of a reconstruction, as in training.
const PIXELS: usize = 128;

/// The maps of a piece of a gradient, as in training.
const MAPS: usize = 16;

/// A training step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The network.
    pub name: String,
    /// Whether the images of a batch are spread over the processes, and not the units.
    pub by_images: bool,
    /// The time of what every process computes, in seconds: the choice of the survivors of a batch, the
    /// update of weights that all have.
    pub shared: f64,
    /// The time of what is divided among the processes.
    pub divided: f64,
    /// The time of the sums that go from process to process, which is divided, too.
    pub chained: f64,
    /// The bytes of the pieces of these sums.
    pub pieces: Vec<usize>,
    /// The bytes of what all processes gather, each has its part of it before.
    pub gathered: Vec<usize>,
    /// How often all processes gather a few numbers.
    pub words: usize,
}

impl Step {
    /// Measures a case on the threads of the current pool. Training spreads its images, or its units.
    ///
    /// # Errors
    ///
    /// As for [`profile`].
    pub fn measured(case: &Case, by_images: bool) -> Result<Self> {
        let subject = Subject::case(case, None)?;
        let report = profile(&subject, Settings { isa: Isa::detect(), steps: None }, &())?;
        let seconds = |name: &str| {
            let of = report.phases.iter().filter(|phase| phase.name.starts_with(name));
            of.map(|phase| phase.ms / 1e3).sum::<f64>()
        };
        let network = case.network;
        let (prepare, select, update) = (seconds("prepare"), seconds("select"), seconds("update"));
        let (compete, learn) = (seconds("compete") + seconds("refine"), seconds("learn"));
        let reconstruct = seconds("reconstruct");
        let (name, maps) = (case.name.clone(), network.code().channels);
        Ok(if !by_images {
            let row = network.input().len();
            let pieces = (0..row).step_by(PIXELS).map(|first| 4 * BATCH * PIXELS.min(row - first));
            Self {
                name,
                by_images,
                shared: prepare,
                divided: compete + select + learn + update,
                chained: reconstruct,
                pieces: pieces.collect(),
                gathered: vec![4 * BATCH * row],
                words: 2,
            }
        } else {
            let mut pieces = Vec::new();
            for (place, layer) in network.layers().rev().enumerate() {
                let atom = if place == 0 { network.decoder().filter_len() } else { 0 };
                let of_map = 4 * (layer.filter_len() + 1 + atom);
                let maps = layer.output().channels;
                pieces.extend((0..maps).step_by(MAPS).map(|first| of_map * MAPS.min(maps - first)));
            }
            Self {
                name,
                by_images,
                shared: prepare + select + update,
                divided: compete + reconstruct,
                chained: learn,
                pieces,
                gathered: vec![4 * BATCH * maps; 3],
                words: 2,
            }
        })
    }

    /// The step of a batch that is `factor` times as large.
    pub fn of_batch(&self, factor: usize) -> Self {
        let times = factor as f64;
        let larger = |bytes: &[usize]| bytes.iter().map(|bytes| bytes * factor).collect();
        Self {
            divided: self.divided * times,
            chained: self.chained * times,
            gathered: larger(&self.gathered),
            // A gradient is as long as before; reconstructions are as many as images.
            pieces: self.pieces.repeat(if self.by_images { 1 } else { factor }),
            ..self.clone()
        }
    }

    /// The time of the step in one process, in seconds.
    pub fn alone(&self) -> f64 {
        self.shared + self.divided + self.chained
    }
}
