//! `wta detect`.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use wta::data::{Signal, read_signals};
use wta::detect::{Architecture, Found, Options, Report, Watched, detect};
use wta::files::atomic;
use wta::picture;
use wta::run::Run;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::print::{json, print};

/// Arguments of `wta detect`.
#[derive(Args)]
#[command(
    group = ArgGroup::new("network").args(["units", "maps"]),
    after_help = "Learns from the first half of each normal recording, finds the threshold with the next quarter, watches the rest of it, and then
the other recordings. It is the detector of firmware (wta_core::detect), with the same scores to the bit; docs/detector.md
says how it works. Recordings are .wav, .npy, .csv and others, one file or a folder.

Examples:
  wta detect --learn normal.wav --watch today.wav yesterday.wav
  wta detect --learn normal.npy --watch faults/ --out found     scores.svg, roc.svg, scores.csv, detect.json, state.bin
  wta detect --learn a.npy b.npy --window 256 --units 24 --false-alarms 0.005 --votes 4/6
  wta detect --learn normal.npy --watch new.npy --json | jq '.recordings[] | {file, share, auc}'"
)]
pub(crate) struct Arguments {
    /// Normal recordings.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    learn: Vec<PathBuf>,
    /// Recordings to watch.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    watch: Vec<PathBuf>,
    /// Samples in a window.
    #[arg(long, value_name = "N", default_value_t = Options::default().window)]
    window: usize,
    /// Samples from one window to the next [default: half a window].
    #[arg(long, value_name = "N")]
    hop: Option<usize>,
    /// Units of a fully-connected network [default: 16].
    #[arg(long, value_name = "N")]
    units: Option<usize>,
    /// Feature maps of a convolutional network instead.
    #[arg(long, value_name = "N")]
    maps: Option<usize>,
    /// Samples that the convolutional network's filters span.
    #[arg(long, value_name = "N", default_value_t = 33, requires = "maps")]
    kernel: usize,
    /// Training steps.
    #[arg(long, value_name = "N", default_value_t = Options::default().steps)]
    steps: u64,
    /// Samples in a training step, which are windows.
    #[arg(long, value_name = "N", default_value_t = Options::default().batch)]
    batch: usize,
    /// Let loudness count: leave each window's mean and deviation in.
    #[arg(long)]
    loudness: bool,
    /// The share of normal windows that may be above the threshold.
    #[arg(long, value_name = "SHARE", default_value_t = Options::default().false_alarms)]
    false_alarms: f32,
    /// Windows that give the threshold [default: as many as there are, 400 at most].
    #[arg(long, value_name = "N")]
    calibration: Option<u32>,
    /// An alarm takes K of the last N windows above the threshold.
    #[arg(long, value_name = "K/N", default_value = "3/4", value_parser = votes)]
    votes: (u32, u32),
    /// An alarm ends when at most so many of the last windows are above the threshold.
    #[arg(long, value_name = "N", default_value_t = Options::default().release)]
    release: u32,
    /// Pass over windows that are quieter than this share of the learnt deviation.
    #[arg(long, value_name = "SHARE", default_value_t = Options::default().quiet)]
    silence: f32,
    /// Keep samples within so many deviations.
    #[arg(long, value_name = "X", default_value_t = Options::default().saturation)]
    saturation: f32,
    /// Go on learning at this rate while watching.
    #[arg(long, value_name = "RATE", default_value_t = Options::default().adapting)]
    adapt: f32,
    /// The seed of the initial weights.
    #[arg(long, value_name = "N", default_value_t = Options::default().seed)]
    seed: u64,
    /// The share of each normal recording to learn from.
    #[arg(long, value_name = "SHARE", default_value_t = Options::default().learn_share)]
    learn_share: f64,
    /// The share behind it that gives the threshold.
    #[arg(long, value_name = "SHARE", default_value_t = Options::default().calibrate_share)]
    calibrate_share: f64,
    /// Write pictures, scores, and the state for a device's flash into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print JSON instead of text: everything.
    #[arg(long)]
    json: bool,
}

/// `3/4`.
fn votes(text: &str) -> std::result::Result<(u32, u32), String> {
    let number = |text: &str| text.trim().parse::<u32>().ok();
    text.split_once('/')
        .and_then(|(needed, of)| Some((number(needed)?, number(of)?)))
        .ok_or_else(|| "is not K/N, such as 3/4".to_owned())
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let options = arguments.options();
    // To the end, so that what is in the folder is of one detector.
    let _lock = arguments.out.as_ref().map(|folder| Run::new(folder).lock()).transpose()?;
    let normal = signals(&arguments.learn)?;
    let watch = signals(&arguments.watch)?;
    let found = detect(&normal, &watch, &options, &context.bar())?;
    let mut text = if arguments.json { in_json(&found.report)? } else { table(&found.report) };
    if let Some(folder) = &arguments.out {
        let written = write(folder, &found)?;
        if !arguments.json {
            text += &format!("\nwrote {} in {}\n", written.join(", "), folder.display());
        }
    }
    print(&text)
}

impl Arguments {
    fn options(&self) -> Options {
        let architecture = match (self.maps, self.units) {
            (Some(maps), _) => Architecture::Maps { maps, kernel: self.kernel },
            (None, Some(units)) => Architecture::Units(units),
            (None, None) => Options::default().architecture,
        };
        Options {
            window: self.window,
            hop: self.hop,
            architecture,
            steps: self.steps,
            batch: self.batch,
            loudness: self.loudness,
            false_alarms: self.false_alarms,
            calibration: self.calibration,
            needed: self.votes.0,
            of: self.votes.1,
            release: self.release,
            quiet: self.silence,
            saturation: self.saturation,
            adapting: self.adapt,
            seed: self.seed,
            learn_share: self.learn_share,
            calibrate_share: self.calibrate_share,
        }
    }
}

fn signals(paths: &[PathBuf]) -> Result<Vec<Signal>> {
    let mut all = Vec::new();
    for path in paths {
        all.extend(read_signals(path)?);
    }
    Ok(all)
}

fn in_json(report: &Report) -> Result<String> {
    json("the result", serde_json::to_string(report))
}

fn table(report: &Report) -> String {
    let rank = match report.rank {
        1 => "the largest".to_owned(),
        rank => format!("number {rank} from the top"),
    };
    let mut text = format!(
        "learnt       {} samples, gone through {}; {:.1}% of a window is not explained\n\
         threshold    {:.4}, {rank} of {} scores\n\
         on a device  {} bytes of RAM without the stack, 2 x {} of flash\n             {}\n\n\
         windows     above   alarms   told after     AUC  recording\n",
        report.learnt_samples,
        if report.passes == 1 { "once".to_owned() } else { format!("{} times", report.passes) },
        100.0 * report.loss,
        report.threshold,
        report.calibration,
        report.ram_bytes,
        report.state_bytes,
        report.settings,
    );
    report.recordings.iter().for_each(|watched| text += &row(watched));
    text
}

fn row(watched: &Watched) -> String {
    let alarms = watched.events.iter().filter(|told| told.event == "alarm").count();
    let after = watched.windows_to_alarm.map_or("-".to_owned(), |windows| format!("{windows} windows"));
    let auc = watched.auc.map_or("-".to_owned(), |auc| format!("{auc:.4}"));
    let quiet = match watched.skipped {
        0 => String::new(),
        skipped => format!(" ({skipped} quiet windows)"),
    };
    format!(
        "{:>7}  {:>7.1}%  {alarms:>7}  {after:>11}  {auc:>6}  {}{}{quiet}\n",
        watched.windows,
        100.0 * watched.share,
        watched.file.display(),
        if watched.normal { " (not learnt)" } else { "" },
    )
}

/// Writes everything; returns the files' names.
fn write(folder: &Path, found: &Found) -> Result<Vec<&'static str>> {
    atomic::create_dir(folder)?;
    let mut files = vec![("scores.csv", csv(&found.report)?), ("state.bin", found.state.clone())];
    if found.report.recordings.iter().any(|watched| watched.windows > 0) {
        files.push(("scores.svg", picture::scores(&found.report)?.into_bytes()));
    }
    if found.report.recordings.iter().any(|watched| watched.auc.is_some()) {
        files.push(("roc.svg", picture::roc_curves(&found.report)?.into_bytes()));
    }
    // Last: what was interrupted is not described.
    files.push(("detect.json", in_json(&found.report)?.into_bytes()));
    let _ = std::fs::remove_file(folder.join("detect.json"));
    for (name, bytes) in &files {
        atomic::replace(&folder.join(name), |to| to.write_all(bytes))?;
    }
    Ok(files.into_iter().map(|(name, _)| name).collect())
}

/// A row for each window.
fn csv(report: &Report) -> Result<Vec<u8>> {
    let failed = |error| Error::Usage(format!("the scores cannot be written as CSV: {error}"));
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record(["recording", "normal", "start", "score", "above"]).map_err(failed)?;
    for watched in &report.recordings {
        let (file, normal) = (watched.file.display().to_string(), watched.normal.to_string());
        for judged in &watched.scores {
            let above = (judged.score > report.threshold).to_string();
            rows.write_record([&file, &normal, &judged.start.to_string(), &judged.score.to_string(), &above])
                .map_err(failed)?;
        }
    }
    rows.into_inner().map_err(|error| Error::Usage(format!("the scores cannot be written as CSV: {error}")))
}
