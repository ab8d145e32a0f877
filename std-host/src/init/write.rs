//! A recipe as TOML, with a comment to each choice.

use std::fmt::Write;

use wta_core::Shape;

use super::choice::{Choice, Net, Scaling};
use super::measure::Measured;
use crate::data::{Form, Look};
use crate::error::{Error, Result};
use crate::numbers::grouped;

/// The text of a recipe.
pub(super) fn write(look: &Look, name: &str, measured: &Measured, choice: &Choice) -> Result<String> {
    let mut text = String::new();
    let failed = |error: &dyn std::fmt::Display| Error::Invalid(format!("cannot write the recipe: {error}"));
    body(&mut text, look, name, measured, choice).map_err(|error| failed(&error))?;
    Ok(text)
}

fn body(
    to: &mut String,
    look: &Look,
    name: &str,
    measured: &Measured,
    choice: &Choice,
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    writeln!(to, "name = {}", quoted(name))?;
    writeln!(to, "about = {}\n", quoted(&about(measured)))?;

    for remark in &look.remarks {
        writeln!(to, "# {}", remark.replace('\n', " "))?;
    }
    let [low, high] = measured.range;
    writeln!(
        to,
        "# {} training {}: {}, values from {low} to {high} (mean {:.4}, deviation {:.4}){}",
        grouped(measured.samples as u64),
        measured.form.samples(),
        shape(measured),
        measured.mean,
        measured.deviation,
        classes(measured),
    )?;
    to.push_str("[data]\n");
    to.push_str(&toml::to_string(&look.source)?);
    match choice.scaling {
        Scaling::Divide(divisor) => {
            writeln!(to, "# So that values lie between 0 and 1.\ndivide_by = {divisor:?}\n")?;
        }
        Scaling::None => {
            to.push_str("# Values lie between 0 and 1 already.\ndivide_by = 1.0\n\n");
        }
        Scaling::Standardise { channels } => {
            to.push_str("divide_by = 1.0\n\n");
            let of = if channels { "channel" } else { "number" };
            writeln!(to, "# Each {of} gets zero mean and unit deviation over the training samples.")?;
            to.push_str("[[preprocess]]\nstep = \"standardise\"\nregulariser = 1e-6\n");
            if channels {
                to.push_str("per = \"channel\"\n");
            }
            to.push('\n');
        }
    }
    network(to, measured, choice)?;
    writeln!(
        to,
        "# Of each map's (or unit's) winners in a batch, this share lives; fewer make sparser codes."
    )?;
    writeln!(to, "[sparsity]\nlifetime = {}\n", choice.lifetime)?;
    let steps = (measured.samples / choice.batch).max(1) * choice.epochs;
    writeln!(to, "# {} steps. More epochs may do better; watch the loss.", grouped(steps as u64))?;
    writeln!(
        to,
        "[training]\nepochs = {}\nbatch = {}\noptimizer = \"adam\"\nrate = 1e-3\nseed = 1",
        choice.epochs, choice.batch
    )?;
    if let Net::Maps { pool, .. } = choice.net
        && pool > 1
    {
        writeln!(
            to,
            "\n# The largest activation in windows of each map: fewer features, which shifts change less."
        )?;
        writeln!(to, "[features]\npool = {{ kernel = {pool}, stride = {pool} }}")?;
    }
    if !measured.classes.is_empty() {
        to.push_str("\n# `wta eval` chooses one of these by the error on held-out training samples.\n");
        to.push_str("[svm]\nc = [0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]\n");
    }
    Ok(())
}

fn network(to: &mut String, measured: &Measured, choice: &Choice) -> std::fmt::Result {
    match choice.net {
        Net::Units(units) => {
            writeln!(to, "# FC-WTA: every unit sees the whole sample.")?;
            writeln!(to, "[network]\nkind = \"fully-connected\"\nunits = [{units}]\ninitial = \"he\"\n")
        }
        Net::Maps { layers, maps, kernel, stride, atom, .. } => {
            let along = if measured.form == Form::Signal { " along the time" } else { "" };
            writeln!(to, "# CONV-WTA: kernels and atoms move{along} over the sample.")?;
            to.push_str("[network]\nkind = \"convolutional\"\nencoder = [\n");
            for layer in 1..=layers {
                let stride = if layer == layers && stride > 1 {
                    format!(", stride = {stride}")
                } else {
                    String::new()
                };
                writeln!(to, "    {{ maps = {maps}, kernel = {kernel}{stride} }},")?;
            }
            writeln!(to, "]\ndecoder_kernel = {atom}\ninitial = \"he\"\n")
        }
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn about(measured: &Measured) -> String {
    let kind = match measured.form {
        Form::Image => "images",
        Form::Signal => "signals",
        Form::Vector => "vectors",
    };
    format!("{} {kind} of {}", grouped(measured.samples as u64), shape(measured))
}

fn shape(measured: &Measured) -> String {
    let Shape { channels, height, width } = measured.shape;
    match measured.form {
        Form::Vector => format!("{width} values"),
        Form::Signal => format!("{channels} channels x {} time steps", height * width),
        Form::Image => format!("{height} x {width} pixels, {channels} channels"),
    }
}

fn classes(measured: &Measured) -> String {
    const SHOWN: usize = 12;
    if measured.classes.is_empty() {
        return ", without labels".to_owned();
    }
    let names = measured.classes.iter().take(SHOWN).map(|name| name.replace('\n', " "));
    let more = if measured.classes.len() > SHOWN { ", ..." } else { "" };
    format!(", {} classes: {}{more}", measured.classes.len(), names.collect::<Vec<_>>().join(", "))
}
