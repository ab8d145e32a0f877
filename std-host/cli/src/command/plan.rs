//! `wta plan`, and `wta train --dry-run`.

use std::path::{Path, PathBuf};

use clap::Args;
use wta::Recipe;
use wta::plan::{self, DevicePlan, LayerPlan, Plan, Settings, Subject};
use wta::run::Run;
use wta::train::Options;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::memory;
use crate::print::{json, print};
use crate::recipe::{NameOrPath, resolve};

/// Arguments of `wta plan`.
#[derive(Args)]
#[command(
    after_help = "Says what a training takes before it runs: layers and shapes, parameters, multiplications, memory, time, disk; and of
a device: flash, RAM by job, instructions. Nothing is written.

Memory and time are measured: each layer does a few steps on a few samples, with the code of a training, for about five
seconds, or ten if another layer stands on it (one step, however long it takes). Let nothing else run meanwhile. Without
--data, other samples stand in for MNIST's, CIFAR-10's and SVHN's; the time to read their files is then not known. In a
stack, how many features of a layer below are not 0 is only known when it is trained: the plan sees it after its steps.

Each thing that will not fit has a line that begins with \"will not fit:\", and the exit code is then 1.

Examples:
  wta plan mnist-conv128
  wta plan cifar10-conv256 --data ~/data --run runs/conv256 --max-memory 4000
  wta plan my.toml --data ~/data --device-ram 65536 --device-flash 524288
  wta plan digits-demo --json"
)]
pub(crate) struct Arguments {
    /// A recipe's name (see `wta recipes`) or the path of a TOML file.
    #[arg(value_parser = NameOrPath, hide_possible_values = true)]
    recipe: String,
    /// The folder that holds the recipe's data set; needed for data of one's own.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The run folder that the training will write: is there room on its disk?
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Continue from the run's checkpoint, with the layers below that are there.
    #[arg(long, requires = "run")]
    resume: bool,
    /// The epochs, instead of the recipe's; in a stack, for every layer.
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Keep preprocessed images and features of the layer below if they take at most this many MiB, as
    /// `wta train` does.
    #[arg(long, value_name = "MIB", default_value_t = (Options::MEMORY >> 20) as u32)]
    memory: u32,
    /// The RAM of a device, in bytes.
    #[arg(long, value_name = "BYTES")]
    device_ram: Option<u64>,
    /// The flash of a device, in bytes.
    #[arg(long, value_name = "BYTES")]
    device_flash: Option<u64>,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let recipe = resolve(&arguments.recipe, arguments.epochs, None)?;
    let run = arguments.run.as_ref().map(Run::new);
    let options =
        Options { isa: context.isa, memory: (arguments.memory as usize) << 20, ..Options::default() };
    let settings = Settings {
        options,
        run: run.as_ref(),
        resume: arguments.resume,
        device_ram: arguments.device_ram,
        device_flash: arguments.device_flash,
        ..settings()
    };
    let plan = made(&recipe, arguments.data.as_deref(), settings, context)?;
    if arguments.json {
        print(&json("the plan", serde_json::to_string_pretty(&plan))?)?;
    } else {
        print(&text(&plan))?;
    }
    verdict(&plan)
}

/// Plans what `wta train` would do with the same flags, and prints it.
pub(super) fn dry_run(
    recipe: &Recipe,
    data: Option<&Path>,
    options: Options<'_>,
    run: Option<&Run>,
    resume: bool,
    context: &Context,
) -> Result<()> {
    let plan = made(recipe, data, Settings { options, run, resume, ..settings() }, context)?;
    print(&text(&plan))?;
    verdict(&plan)
}

fn settings() -> Settings<'static> {
    Settings { most: memory::most(), ..Settings::default() }
}

fn made(recipe: &Recipe, data: Option<&Path>, settings: Settings<'_>, context: &Context) -> Result<Plan> {
    if context.ranks.is_some() {
        return Err(Error::Usage("a plan is made by one process alone; run it without mpirun".to_owned()));
    }
    let bar = context.bar();
    let subject = Subject::load(recipe, data, &bar)?;
    Ok(plan::plan(recipe, &subject, settings, &bar)?)
}

/// An error if anything will not fit.
fn verdict(plan: &Plan) -> Result<()> {
    match plan.will_not_fit.len() {
        0 => Ok(()),
        1 => Err(Error::Usage("something will not fit; see above".to_owned())),
        many => Err(Error::Usage(format!("{many} things will not fit; see above"))),
    }
}

/// The plan for a person.
fn text(plan: &Plan) -> String {
    let mut text = format!("recipe {}, {}, {} threads\n", plan.recipe, plan.isa, plan.threads);
    text += &samples(plan);
    for layer in &plan.layers {
        text += "\n";
        text += &of_layer(layer, plan.layers.len() > 1);
    }
    if plan.memory.peak.is_some() || plan.seconds.is_some() || plan.disk.is_some() {
        text += "\nin all\n";
    }
    if let Some(peak) = plan.memory.peak {
        let most = plan.memory.most.map_or(String::new(), |most| format!(" of {} MiB", mebibytes(most)));
        text += &line("memory at most", &format!("{} MiB{most}", mebibytes(peak)));
    }
    if let Some(seconds) = plan.seconds {
        text += &line("time", &format!("{}, without writing to the disk", time(seconds)));
    }
    if let Some(disk) = &plan.disk {
        let free = disk.free.map_or(String::new(), |free| format!(", {} MiB are free", mebibytes(free)));
        text += &line("disk", &format!("{:.1} MiB, at most {:.1}{free}", mib(disk.bytes), mib(disk.most)));
    }
    if let Some(uses) = &plan.uses {
        text += "\nthen, beside the samples\n";
        text += &line("encoding", &format!("{} MiB for any number of samples", mebibytes(uses.encode_bytes)));
        if let (Some(bytes), Some(most)) = (uses.evaluate_bytes, uses.evaluate_most) {
            let (bytes, most) = (mebibytes(bytes), mebibytes(most));
            let features = grouped(uses.features as u64);
            text += &line(
                "evaluating",
                &format!("{bytes} MiB of features, {features} a sample; {most} MiB if none is 0"),
            );
        }
    }
    if let Some(device) = &plan.device {
        text += &of_device(device);
    }
    if !plan.will_not_fit.is_empty() {
        text += "\n";
    }
    for sentence in &plan.will_not_fit {
        text += &format!("will not fit: {sentence}\n");
    }
    text
}

fn samples(plan: &Plan) -> String {
    let samples = &plan.samples;
    let test = samples.test.map_or(String::new(), |test| format!(", {} to test", grouped(test as u64)));
    let from = match samples.load_seconds {
        Some(seconds) => format!("loaded in {}", time(seconds)),
        None => "others stand in for them: give --data to measure on the data set itself".to_owned(),
    };
    format!("{} samples of {}{test}; {from}\n", grouped(samples.train as u64), samples.shape)
}

fn of_layer(layer: &LayerPlan, is_stack: bool) -> String {
    let mut text = if is_stack { format!("layer {}: ", layer.recipe) } else { String::new() };
    text += &format!("{}\n", layer.network);
    text += &format!(
        "  {:24} {:>12} {:>12} {:>14} {:>18}\n",
        "", "input", "output", "parameters", "multiplications"
    );
    for stage in &layer.stages {
        text += &format!(
            "  {:24} {:>12} {:>12} {:>14} {:>18}\n",
            stage.what,
            stage.input,
            stage.output,
            grouped(stage.parameters as u64),
            if stage.multiply_adds > 0 { grouped(stage.multiply_adds) } else { "-".to_owned() }
        );
    }
    text += &format!(
        "  {:24} {:>12} {:>12} {:>14} {:>18}\n",
        "in all, a sample",
        "",
        "",
        grouped(layer.parameters as u64),
        grouped(layer.multiply_adds)
    );
    text += &line("features, pooled", &layer.features);
    text += &line("weights and moments", &format!("{:.1} MiB", mib(layer.state_bytes)));
    if let Some(bytes) = layer.step_bytes {
        text += &line("memory of a step", &format!("{:.1} MiB, with all threads' buffers", mib(bytes)));
    }
    let kept = match layer.kept_bytes {
        0 => "nothing: computed for each batch, or as they are".to_owned(),
        bytes => format!("{} MiB", mebibytes(bytes)),
    };
    text += &line("samples kept prepared", &kept);
    if let Some(bytes) = layer.learn_bytes {
        text += &line("memory, preprocessing", &format!("{} MiB at most", mebibytes(bytes)));
    }
    if let Some(bytes) = layer.peak_bytes {
        text += &line("memory of the process", &format!("{} MiB at most", mebibytes(bytes)));
    }
    if let Some(ms) = layer.step_ms {
        let steps = format!("{} samples, {ms:.2} ms measured on {} steps", layer.batch, layer.measured_steps);
        text += &line("a step", &steps);
    }
    if let (Some(seconds), Some(steps)) = (layer.epoch_seconds, layer.steps) {
        text += &line("an epoch", &format!("{} steps, {}", grouped(steps as u64), time(seconds)));
    }
    if let Some(seconds) = layer.before_seconds {
        text += &line("before the first step", &time(seconds));
    }
    if let Some(seconds) = layer.seconds {
        let done = if layer.done > 0 { format!(", of which {} are done", layer.done) } else { String::new() };
        text += &line("the training", &format!("{} epochs{done}, {}", layer.epochs, time(seconds)));
    }
    text
}

fn of_device(device: &DevicePlan) -> String {
    let mut text = String::from("\non a device, without an operating system\n");
    for why in &device.refused {
        text += &line("not possible", why);
    }
    for form in &device.forms {
        text += &format!("  model.wta in {}\n", form.what);
        for cost in &form.costs.flash {
            text += &format!("    flash  {:36} {:>14}\n", cost.what, grouped(cost.bytes));
        }
        for cost in &form.costs.ram {
            text += &format!("    RAM    {:36} {:>14}\n", cost.what, grouped(cost.bytes));
        }
    }
    if device.forms.is_empty() {
        return text;
    }
    text += "  code, as measured in programs on a board\n";
    for code in &device.code {
        text += &format!("    flash  {:36} {:>14}  {}\n", code.what, grouped(code.bytes), code.board);
    }
    text += &format!(
        "  instructions, estimated from measured programs by {} multiplications a sample\n",
        grouped(device.multiply_adds)
    );
    for estimate in &device.estimates {
        text += &format!(
            "    about  {:36} {:>14}  {}\n",
            estimate.what,
            grouped(estimate.instructions),
            estimate.board
        );
    }
    text
}

fn line(what: &str, value: &str) -> String {
    format!("  {what:24} {value}\n")
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn mebibytes(bytes: u64) -> String {
    grouped(bytes.div_ceil(1 << 20))
}

/// A duration in the unit that suits it.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{:.0} ms", 1e3 * s),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let times = [0.0123, 1.26, 119.0, 121.0, 7_300.0].map(time);
        assert_eq!(times, ["12 ms", "1.3 s", "119.0 s", "2.0 min", "2.0 h"]);
        assert_eq!(mebibytes((1 << 20) + 1), "2");
    }
}
