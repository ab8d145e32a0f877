//! The page of one or several runs: which tables, curves and pictures it has.

use askama::Template;
use wta_simd::Isa;

use super::budget::Budget;
use super::charts::{Chart, Curve, MOST_COLOURS, Over, short};
use super::classifier::Record;
use super::compare::{self, Row};
use super::dictionary::{Details, Dictionary};
use super::facts::{Facts, duration, percent};
use super::seen::{Seen, Shown};
use super::uri;
use super::words::{self, Said};
use crate::data::Form;
use crate::error::{Error, Result};
use crate::numbers::grouped;
use crate::observer::{EpochMetrics, Observer};
use crate::picture::Tiles;
use crate::profile::text::network_and_sparsity;
use crate::run::{Run, Trained};

/// The most classes of which the whole confusion matrix is shown.
const MATRIX: usize = 24;

/// The most lines of a list of confusions.
const LINES: usize = 12;

/// The most rows of a table of epochs.
const MOST_ROWS: usize = 100;

/// A run of a page.
pub struct Subject<'a> {
    /// The run.
    pub run: &'a Run,
    /// The samples that it is shown with, if they are at hand.
    pub shown: Option<Shown<'a>>,
    /// Where to get them from otherwise, in a sentence; empty if nobody knows.
    pub hint: String,
    /// The command lines that make the run again.
    pub commands: Vec<String>,
}

/// The page of one or several runs, side by side, as HTML.
///
/// # Errors
///
/// [`Error::Run`] if a folder has no trained run; [`Error::UnknownShape`] if nobody says the shape of its
/// samples; [`Error::Interrupted`] if the observer stops it; one sentence if a file is damaged or a sample
/// cannot be read.
///
/// # Examples
///
/// ```no_run
/// use wta::report::{Subject, report};
/// use wta::run::Run;
///
/// let run = Run::new("runs/conv16");
/// let subject = Subject { run: &run, shown: None, hint: String::new(), commands: Vec::new() };
/// std::fs::write("report.html", report(wta::Isa::detect(), &[subject], &())?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn report(isa: Isa, subjects: &[Subject<'_>], observer: &dyn Observer) -> Result<String> {
    let facts = subjects
        .iter()
        .map(|subject| {
            Facts::read(subject.run, subject.shown.as_ref().map(|shown| shown.samples.image_shape()))
        })
        .collect::<Result<Vec<Facts>>>()?;
    let layers = facts.iter().map(|facts| facts.trained.layers().len()).sum();
    let budget = Budget::of_layers(layers);
    let labels = labels(subjects, &facts);
    let mut details = Details::default();
    let mut runs = Vec::new();
    for (number, ((subject, facts), label)) in subjects.iter().zip(&facts).zip(&labels).enumerate() {
        runs.push(RunView::new(isa, subject, facts, (number, label), budget, &mut details, observer)?);
    }
    let several = runs.len() > 1;
    let page = Page {
        title: match &runs[..] {
            [run] => run.label.clone(),
            runs => format!("{} runs", runs.len()),
        },
        many: several,
        sub: if several { "h4" } else { "h3" },
        sections: SECTIONS,
        figures: compare::figures(&facts.iter().map(Facts::figures).collect::<Vec<_>>()),
        differences: compare::differences(
            &facts.iter().map(|facts| facts.settings.clone()).collect::<Vec<_>>(),
        ),
        charts: training_charts(&facts, &labels)?,
        epochs: epoch_tables(&facts, &labels),
        details,
        version: env!("CARGO_PKG_VERSION"),
        runs,
    };
    page.render().map_err(|error| Error::Invalid(format!("the page cannot be made: {error}")))
}

/// The parts of the page, with their names.
const SECTIONS: [(&str, &str); 8] = [
    ("glance", "At a glance"),
    ("recipe", "Recipe"),
    ("training", "Training"),
    ("dictionary", "Dictionary"),
    ("samples", "Samples"),
    ("classifier", "Classifier"),
    ("sizes", "Sizes"),
    ("again", "Make it again"),
];

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    title: String,
    many: bool,
    /// The heading below that of a run or, of one run, below that of a section.
    sub: &'static str,
    sections: [(&'static str, &'static str); 8],
    runs: Vec<RunView>,
    figures: Vec<Row>,
    differences: Vec<Row>,
    charts: Vec<ChartView>,
    epochs: Vec<EpochTable>,
    details: Details,
    version: &'static str,
}

struct RunView {
    label: String,
    about: String,
    notes: Vec<String>,
    words: Vec<Said>,
    toml: String,
    layers: Vec<LayerView>,
    /// What the samples are; empty without samples.
    what: &'static str,
    hint: String,
    reconstructions_alt: String,
    judged: Option<ClassifierView>,
    measures: Vec<(&'static str, String)>,
    files: Vec<(String, String)>,
    device: String,
    commands: Vec<String>,
}

struct LayerView {
    /// Empty if there is one layer alone.
    title: String,
    dictionary: Dictionary,
    feature_maps: Option<String>,
    reconstructions: Option<String>,
}

struct ChartView {
    title: String,
    words: String,
    svg: String,
    legend: Vec<Legend>,
}

struct Legend {
    colour: usize,
    dashed: bool,
    text: String,
}

struct EpochTable {
    name: String,
    about: String,
    columns: [&'static str; 7],
    rows: Vec<[String; 7]>,
}

struct ClassifierView {
    about: String,
    held_out: Option<ChartView>,
    classes: Vec<String>,
    confusion: Vec<ConfusionRow>,
    worst: Vec<(String, String)>,
    confused: Vec<String>,
    mistakes: Vec<MistakeView>,
}

struct ConfusionRow {
    class: String,
    error: String,
    error_share: f64,
    cells: Vec<ConfusionCell>,
}

struct ConfusionCell {
    count: u64,
    share: f64,
    is_wrong: bool,
}

struct MistakeView {
    caption: String,
    picture: Option<String>,
}

/// What a run is called on the page: its recipe's name or, of several, its folder's.
fn labels(subjects: &[Subject<'_>], facts: &[Facts]) -> Vec<String> {
    if let [facts] = facts {
        return vec![facts.trained.recipe().name.clone()];
    }
    let last = |subject: &Subject<'_>| {
        let name = subject.run.folder().file_name();
        name.map(|name| name.to_string_lossy().into_owned())
    };
    let is_clear =
        |name: &String| subjects.iter().filter(|other| last(other).as_ref() == Some(name)).count() == 1;
    let label = |subject: &Subject<'_>| {
        last(subject).filter(is_clear).unwrap_or_else(|| subject.run.folder().display().to_string())
    };
    subjects.iter().map(label).collect()
}

impl RunView {
    fn new(
        isa: Isa,
        subject: &Subject<'_>,
        facts: &Facts,
        (number, label): (usize, &str),
        budget: Budget,
        details: &mut Details,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let trained = &facts.trained;
        let shown = subject.shown.as_ref().filter(|shown| !shown.indices.is_empty());
        let layers = trained.layers();
        let mut views = Vec::new();
        for (place, layer) in layers.iter().enumerate() {
            let seen = match shown {
                Some(shown) => Some(Seen::new(isa, layer, shown, budget.part(30), observer)?),
                None => None,
            };
            let both = shown.zip(seen.as_ref());
            let dictionary = Dictionary::new(layer, both, (number, place), budget.part(65), details)?;
            let (feature_maps, reconstructions) =
                seen.map_or((None, None), |seen| (seen.feature_maps, seen.reconstructions));
            let title =
                if layers.len() == 1 { String::new() } else { layer_title(layer, place, layers.len()) };
            views.push(LayerView { title, dictionary, feature_maps, reconstructions });
        }
        let what = shown.map_or("", |shown| shown.what);
        let how = if facts.form == Form::Image {
            "above its reconstruction"
        } else {
            "in grey behind its reconstruction"
        };
        let one = facts.form.sample();
        let judged = match &facts.record {
            Some(record) => Some(ClassifierView::new(record, shown, budget.part(5))?),
            None => None,
        };
        Ok(Self {
            label: label.to_owned(),
            about: trained.recipe().about.clone(),
            notes: facts.unfinished().into_iter().chain(facts.notes.iter().cloned()).collect(),
            words: words::in_words(&trained.resolved, facts.form),
            toml: facts.toml.clone(),
            layers: views,
            what,
            hint: subject.hint.clone(),
            reconstructions_alt: format!("Some {what}: each {one} {how} from the winners alone."),
            judged,
            measures: measures(facts),
            files: files(subject.run),
            device: facts.device.clone(),
            commands: subject.commands.clone(),
        })
    }
}

fn layer_title(layer: &Trained, place: usize, layers: usize) -> String {
    let resolved = &layer.resolved;
    let sparsity = resolved.recipe().sparsity.at_end(resolved.network().code());
    let words = network_and_sparsity(&resolved.network(), &sparsity);
    format!("Layer {} of {layers}: {words}", place + 1)
}

fn measures(facts: &Facts) -> Vec<(&'static str, String)> {
    let Some(measures) = &facts.measures else { return Vec::new() };
    vec![
        ("samples", grouped(measures.samples as u64)),
        ("FVU, variance unexplained", measures.fvu.map_or("-".to_owned(), percent)),
        ("half the squared error", short(measures.loss)),
        ("cosine to the sample", short(measures.cosine)),
        ("L0, active in a sample", short(measures.active)),
        ("L1, their sum", short(measures.l1)),
        ("dead, active in none", percent(measures.dead_share)),
        ("dense, active in over 10%", percent(measures.dense_share)),
    ]
}

/// The run's files, of all layers, with their bytes.
fn files(run: &Run) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let (mut run, mut before) = (run.clone(), String::new());
    while run.exists() {
        for (name, bytes) in run.files() {
            files.push((format!("{before}{name}"), grouped(bytes)));
        }
        before += "below/";
        run = run.below();
    }
    files
}

/// A series of an epoch's figures, and whether it is of held-out samples.
type Series = (&'static str, bool, fn(&EpochMetrics) -> Option<f64>);

/// What is drawn over the epochs: a title, a unit, and series.
const CHARTS: [(&str, &str, &[Series]); 6] = [
    (
        "Loss, half the squared error of a sample",
        "",
        &[("training", false, |epoch| Some(epoch.loss)), ("held out", true, |epoch| epoch.held_out_loss)],
    ),
    (
        "Variance unexplained (FVU)",
        "%",
        &[
            ("training", false, |epoch| epoch.unexplained.map(hundredths)),
            ("held out", true, |epoch| epoch.held_out_unexplained.map(hundredths)),
        ],
    ),
    (
        "Winners that survive in a sample",
        "",
        &[("training", false, |epoch| epoch.active), ("held out", true, |epoch| epoch.held_out_active)],
    ),
    (
        "Dead atoms",
        "%",
        &[
            ("training", false, |epoch| Some(hundredths(epoch.dead_share))),
            ("held out", true, |epoch| epoch.held_out_dead_share.map(hundredths)),
        ],
    ),
    ("Learning rate", "", &[("", false, |epoch| Some(epoch.rate))]),
    ("Time of an epoch", " s", &[("", false, |epoch| Some(epoch.seconds))]),
];

fn hundredths(share: f64) -> f64 {
    100.0 * share
}

/// The epochs of each layer of each run, with the name of the run and the layer.
fn trainings<'a>(facts: &'a [Facts], labels: &[String]) -> Vec<(String, &'a [EpochMetrics])> {
    let mut all = Vec::new();
    for (facts, label) in facts.iter().zip(labels) {
        for (place, epochs) in facts.epochs.iter().enumerate() {
            let run = if labels.len() > 1 { label.as_str() } else { "" };
            let layer = if facts.epochs.len() > 1 { format!("layer {}", place + 1) } else { String::new() };
            let parts: Vec<&str> = [run, &layer].into_iter().filter(|part| !part.is_empty()).collect();
            all.push((parts.join(", "), &epochs[..]));
        }
    }
    all
}

fn training_charts(facts: &[Facts], labels: &[String]) -> Result<Vec<ChartView>> {
    let trainings = trainings(facts, labels);
    let mut charts = Vec::new();
    for (title, unit, series) in CHARTS {
        let mut curves = Vec::new();
        for (number, (name, epochs)) in trainings.iter().enumerate() {
            for (what, dashed, of) in series {
                let points =
                    epochs.iter().filter_map(|epoch| Some((epoch.epoch as f64, of(epoch)?))).collect();
                let parts: Vec<&str> =
                    [name.as_str(), what].into_iter().filter(|part| !part.is_empty()).collect();
                curves.push(Curve {
                    name: parts.join(", "),
                    points,
                    colour: number % MOST_COLOURS,
                    dashed: *dashed,
                });
            }
        }
        let chart = Chart { title: title.to_owned(), over: Over::Epochs, unit, curves };
        charts.extend(chart.of_numbers().as_ref().map(ChartView::of).transpose()?);
    }
    Ok(charts)
}

impl ChartView {
    fn of(chart: &Chart) -> Result<Self> {
        let legend = chart.curves.iter().map(|curve| {
            let last = curve
                .points
                .last()
                .map_or(String::new(), |point| format!("{}{}", short(point.1), chart.unit));
            let name = if curve.name.is_empty() { "at the end" } else { &curve.name };
            Legend { colour: curve.colour, dashed: curve.dashed, text: format!("{name}: {last}") }
        });
        Ok(Self {
            title: chart.title.clone(),
            words: chart.in_words(),
            legend: legend.collect(),
            svg: chart.svg()?,
        })
    }
}

fn epoch_tables(facts: &[Facts], labels: &[String]) -> Vec<EpochTable> {
    let columns = ["epoch", "loss", "FVU", "winners", "dead", "rate", "seconds"];
    let table = |(name, epochs): (String, &[EpochMetrics])| {
        let few = epochs.len().div_ceil(MOST_ROWS).max(1);
        // The last one is the one that counts.
        let skipped = (epochs.len().max(1) - 1) % few;
        let rows: Vec<[String; 7]> = epochs
            .iter()
            .skip(skipped)
            .step_by(few)
            .map(|epoch| {
                [
                    epoch.epoch.to_string(),
                    short(epoch.loss),
                    epoch.unexplained.map_or_else(String::new, percent),
                    epoch.active.map_or_else(String::new, short),
                    percent(epoch.dead_share),
                    short(epoch.rate),
                    short(epoch.seconds),
                ]
            })
            .collect();
        let about = if few == 1 {
            "Each epoch".to_owned()
        } else {
            format!("Each {few}th epoch; metrics.csv has all")
        };
        EpochTable { name, about, columns, rows }
    };
    trainings(facts, labels).into_iter().filter(|(_, epochs)| !epochs.is_empty()).map(table).collect()
}

impl ClassifierView {
    fn new(record: &Record, shown: Option<&Shown<'_>>, budget: Budget) -> Result<Self> {
        let Some(error) = record.mean.or(record.test_error) else {
            return Err(Error::Invalid(
                "the record of the evaluation says no error; evaluate the run again".to_owned(),
            ));
        };
        let confusion = &record.confusion;
        let is_small = confusion.counts.len() <= MATRIX;
        let mut worst: Vec<(usize, f64)> = confusion
            .errors
            .iter()
            .enumerate()
            .filter_map(|(class, error)| Some((class, (*error)?)))
            .collect();
        worst.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut confused = confusion.confused.clone();
        confused.sort_by(|a, b| b.2.cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
        let told = |(class, taken, count): &(usize, usize, u64)| {
            format!("{} taken for {}: {count} times", record.class(*class), record.class(*taken))
        };
        let held_out = Chart {
            title: "Error on held-out samples over C".to_owned(),
            over: Over::C,
            unit: "%",
            curves: vec![Curve {
                name: "held out".to_owned(),
                points: record.held_out.iter().map(|(c, error)| (*c, hundredths(*error))).collect(),
                colour: 0,
                dashed: false,
            }],
        };
        Ok(Self {
            about: about(record, error),
            held_out: held_out.of_numbers().as_ref().map(ChartView::of).transpose()?,
            classes: (0..confusion.counts.len()).map(|class| record.class(class)).collect(),
            confusion: if is_small { matrix(record) } else { Vec::new() },
            worst: if is_small {
                Vec::new()
            } else {
                worst.iter().map(|(class, error)| (record.class(*class), percent(*error))).collect()
            },
            confused: confused.iter().take(LINES).map(told).collect(),
            mistakes: mistakes(record, shown, budget)?,
        })
    }
}

fn about(record: &Record, error: f64) -> String {
    let mut text = format!("A linear SVM classifies {} of the test samples wrongly", percent(error));
    if let (Some(sd), draws @ 2..) = (record.sd, record.draws.len()) {
        text += &format!(" on average over {draws} draws of labels, standard deviation {}", percent(sd));
    }
    if let Some(labels) = record.labels {
        text += &format!("; it learnt from {} labelled samples", grouped(labels as u64));
    }
    if let Some(c) = record.c {
        text += &format!("; C is {c}");
    }
    if let Some(features) = record.features {
        text += &format!("; {} features of a sample", grouped(features as u64));
    }
    if let Some(pool) = record.pool.as_ref().filter(|pool| *pool != "none") {
        text += &format!(", pooled {pool}");
    }
    if let (Some(encode), Some(svm)) = (record.encode_seconds, record.svm_seconds) {
        text += &format!("; encoded in {}, trained in {}", duration(encode), duration(svm));
    }
    if let Some(seed) = record.seed {
        text += &format!("; seed {seed}");
    }
    text + "."
}

fn matrix(record: &Record) -> Vec<ConfusionRow> {
    let rows = record.confusion.counts.iter().enumerate().map(|(class, counts)| {
        let all: u64 = counts.iter().sum();
        let share = |count: u64| (1e3 * count as f64 / all.max(1) as f64).round() / 1e3;
        let error = record.confusion.errors.get(class).copied().flatten();
        ConfusionRow {
            class: record.class(class),
            error: error.map_or_else(|| "–".to_owned(), percent),
            error_share: error.unwrap_or(0.0),
            cells: (0..)
                .zip(counts)
                .map(|(taken, count)| ConfusionCell {
                    count: *count,
                    share: share(*count),
                    is_wrong: taken != class,
                })
                .collect(),
        }
    });
    rows.collect()
}

fn mistakes(record: &Record, shown: Option<&Shown<'_>>, mut budget: Budget) -> Result<Vec<MistakeView>> {
    let surest = &record.confusion.surest;
    let shown = shown.filter(|shown| shown.are_test);
    let indices: Vec<usize> = surest.iter().map(|mistake| mistake.sample).collect();
    let tiles = match shown {
        Some(shown) if indices.iter().all(|index| *index < shown.samples.len()) => {
            Some(Tiles::of_samples(&shown.samples, &indices)?)
        }
        _ => None,
    };
    let mut views = Vec::new();
    for (place, mistake) in surest.iter().enumerate() {
        let caption = format!(
            "sample {}: {} taken for {}, margin {}",
            mistake.sample,
            record.class(mistake.label),
            record.class(mistake.predicted),
            short(mistake.margin)
        );
        let picture = tiles.as_ref().map(|tiles| tiles.draw(place)).transpose()?.map(|drawn| uri::of(&drawn));
        views.push(MistakeView { caption, picture: picture.filter(|picture| budget.take(picture.len())) });
    }
    Ok(views)
}
