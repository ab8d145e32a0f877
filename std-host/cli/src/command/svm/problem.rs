//! The flags that say what is minimised, and how.

use std::ops::Bound::{Excluded, Included};
use std::ops::RangeBounds;

use clap::{Args, ValueEnum};
use wta::data::Classes;
use wta::linear::ClassWeights;
use wta::svm::{ClassReport, Costs, Options, Solver, Stop, check_grid};

use crate::error::{Error, Result};

/// The word for weights that make all classes weigh the same together.
const BALANCED: &str = "balanced";

/// What is minimised, and how.
#[derive(Args)]
pub(super) struct Problem {
    /// The weight of the loss. Of several values, in ascending order, cross-validation chooses.
    #[arg(short, long, value_name = "C,...", value_delimiter = ',', value_parser = penalty)]
    c: Option<Vec<f64>>,
    /// The constant that each example gets as one more feature, whose weight is the bias; below 0 there is
    /// none.
    #[arg(short = 'B', long, value_name = "B", default_value_t = -1.0, allow_negative_numbers = true, value_parser = bias)]
    bias: f32,
    /// Stop when the projected gradients of the dual differ by no more than this, LIBLINEAR's measure.
    #[arg(short, long, value_name = "EPS", default_value_t = 0.1, value_parser = tolerance)]
    eps: f64,
    /// Stop instead when the objective is proven to be within this share of the minimum: 0.001 is close.
    #[arg(long, value_name = "SHARE", conflicts_with = "eps", value_parser = tolerance)]
    gap: Option<f64>,
    /// What classes weigh, times C: LABEL=W,... (the others 1), or balanced: all classes the same together.
    #[arg(short = 'w', long, value_name = "LABEL=W,...", value_delimiter = ',', value_parser = class_weight)]
    class_weight: Vec<String>,
    /// Coordinate descent on the dual, Newton's method on the primal, or what is likely to be faster.
    #[arg(long, value_enum, default_value_t = Method::Auto)]
    solver: Method,
    /// The most passes over the examples, or steps of Newton's method.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    max_iter: u32,
    /// The seed of the order of the examples, and of the folds.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// `--solver`.
#[derive(Clone, Copy, ValueEnum)]
enum Method {
    Auto,
    Dual,
    Newton,
}

impl Problem {
    /// The values of C, or these.
    pub(super) fn grid(&self, default: &[f64]) -> Result<Vec<f64>> {
        let grid = self.c.clone().unwrap_or_else(|| default.to_vec());
        check_grid(&grid)?;
        Ok(grid)
    }

    /// The options of the trainer; `weights` are those of the classes.
    pub(super) fn options<'a>(&self, weights: &'a [f64]) -> Options<'a> {
        let solver = match self.solver {
            Method::Auto => Solver::Auto,
            Method::Dual => Solver::Dual,
            Method::Newton => Solver::Newton,
        };
        Options {
            stop: self.stop(),
            max_epochs: self.max_iter as usize,
            solver,
            seed: self.seed,
            costs: Costs { rows: &[], classes: weights },
            intercept: self.bias.max(0.0),
            ranks: None,
        }
    }

    /// `Ok` if the flags make sense, before a file is read.
    pub(super) fn check(&self) -> Result<()> {
        self.asked_weights().map(drop)
    }

    /// Whether a class is solved but for rounding, which kept the measure from what was asked for.
    pub(super) fn is_rounded(&self, class: &ClassReport) -> bool {
        class.converged && !class.meets(self.stop())
    }

    fn stop(&self) -> Stop {
        self.gap.map_or(Stop::Gradient(self.eps), Stop::Gap)
    }

    /// What ends the training: the flag, its value, and what was reached for a class.
    pub(super) fn measure(&self, class: &ClassReport) -> (&'static str, f64, f64) {
        let stop = self.stop();
        match stop {
            Stop::Gradient(eps) => ("--eps", eps, class.measure(stop)),
            Stop::Gap(gap) => ("--gap", gap, class.measure(stop)),
        }
    }

    /// What the classes weigh; nothing if all weigh 1.
    pub(super) fn weights(&self, classes: &Classes, labels: &[u16]) -> Result<Vec<f64>> {
        let found = self.asked_weights()?.of(classes, labels);
        found.map_err(|error| Error::Usage(format!("--class-weight: {error}")))
    }

    fn asked_weights(&self) -> Result<ClassWeights> {
        match &self.class_weight[..] {
            [] => return Ok(ClassWeights::Same),
            [word] if word == BALANCED => return Ok(ClassWeights::Balanced),
            _ => {}
        }
        let named = self.class_weight.iter().map(|text| {
            weight_of(text).ok_or_else(|| {
                Error::Usage(format!(
                    "--class-weight {text}: must stand alone, or be LABEL=W like the others"
                ))
            })
        });
        Ok(ClassWeights::Named(named.collect::<Result<_>>()?))
    }
}

/// A number in a range, which `must` tells.
fn number(text: &str, range: impl RangeBounds<f64>, must: &str) -> std::result::Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number.filter(|number| range.contains(number)).ok_or_else(|| format!("must be {must}"))
}

/// A value of C.
fn penalty(text: &str) -> std::result::Result<f64, String> {
    number(text, 1e-9..=1e9, "from 1e-9 to 1e9")
}

/// The end of the training.
fn tolerance(text: &str) -> std::result::Result<f64, String> {
    number(text, (Excluded(0.0), Included(f64::MAX)), "more than 0")
}

/// The bias's constant.
fn bias(text: &str) -> std::result::Result<f32, String> {
    let must = "a number up to 1e6; below 0 there is no bias";
    number(text, f64::from(f32::MIN)..=1e6, must).map(|bias| bias as f32)
}

/// One of the weights of classes.
fn class_weight(text: &str) -> std::result::Result<String, String> {
    let is_good = text == BALANCED || weight_of(text).is_some();
    is_good
        .then(|| text.to_owned())
        .ok_or_else(|| format!("must be {BALANCED} or LABEL=W, with W 0 or from 1e-9 to 1e9"))
}

/// A label and its weight.
fn weight_of(text: &str) -> Option<(String, f64)> {
    let (label, weight) = text.rsplit_once('=')?;
    let weight = weight.parse().ok().filter(|weight| *weight == 0.0 || (1e-9..=1e9).contains(weight))?;
    Some((label.to_owned(), weight))
}
