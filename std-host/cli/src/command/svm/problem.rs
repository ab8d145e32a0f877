//! The flags that say what is minimised, and how.

use clap::{Args, ValueEnum};
use wta::data::Classes;
use wta::linear::ClassWeights;
use wta::svm::{Costs, Options, Solver, Stop, check_grid};

use crate::error::{Error, Result};

/// What is minimised, and how.
#[derive(Args)]
pub(super) struct Problem {
    /// The weight of the loss. Of several values, in ascending order, cross-validation chooses.
    #[arg(short, long, value_name = "C,...", value_delimiter = ',')]
    c: Option<Vec<f64>>,
    /// The constant that each example gets as one more feature, whose weight is the bias; below 0 there is
    /// none.
    #[arg(short = 'B', long, value_name = "B", default_value_t = -1.0, allow_negative_numbers = true)]
    bias: f32,
    /// Stop when the projected gradients of the dual differ by no more than this, LIBLINEAR's measure.
    #[arg(short, long, value_name = "EPS", default_value_t = 0.1)]
    eps: f64,
    /// Stop instead when the objective is proven to be within this share of the minimum: 0.001 is close.
    #[arg(long, value_name = "SHARE", conflicts_with = "eps")]
    gap: Option<f64>,
    /// What classes weigh, times C: LABEL=W,... (the others 1), or balanced: all classes the same together.
    #[arg(short = 'w', long, value_name = "LABEL=W,...", value_delimiter = ',')]
    class_weight: Vec<String>,
    /// Coordinate descent on the dual, Newton's method on the primal, or what is likely to be faster.
    #[arg(long, value_enum, default_value_t = Method::Auto)]
    solver: Method,
    /// The most passes over the examples, or steps of Newton's method.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    max_iter: usize,
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
            stop: self.gap.map_or(Stop::Gradient(self.eps), Stop::Gap),
            max_epochs: self.max_iter,
            solver,
            seed: self.seed,
            costs: Costs { rows: &[], classes: weights },
            intercept: self.bias.max(0.0),
            ranks: None,
        }
    }

    /// `Ok` if the flags make sense, before a file is read.
    pub(super) fn check(&self) -> Result<()> {
        self.asked_weights()?;
        let refuse = |problem: String| Err(Error::Usage(problem));
        if !(self.bias.is_finite() && self.bias <= 1e6) {
            return refuse(format!(
                "--bias {}: must be a number up to 1e6; below 0 there is no bias",
                self.bias
            ));
        }
        let (flag, value) = self.gap.map_or(("--eps", self.eps), |gap| ("--gap", gap));
        if !(value > 0.0 && value.is_finite()) {
            return refuse(format!("{flag} {value}: must be more than 0"));
        }
        if self.max_iter == 0 {
            return refuse("--max-iter 0: must be at least 1".to_owned());
        }
        Ok(())
    }

    /// What the classes weigh; nothing if all weigh 1.
    pub(super) fn weights(&self, classes: &Classes, labels: &[u16]) -> Result<Vec<f64>> {
        let found = self.asked_weights()?.of(classes, labels);
        found.map_err(|error| Error::Usage(format!("--class-weight: {error}")))
    }

    fn asked_weights(&self) -> Result<ClassWeights> {
        match &self.class_weight[..] {
            [] => return Ok(ClassWeights::Same),
            [word] if word == "balanced" => return Ok(ClassWeights::Balanced),
            _ => {}
        }
        let pair = |text: &String| {
            let (label, weight) = text.rsplit_once('=')?;
            let weight =
                weight.parse().ok().filter(|weight| *weight == 0.0 || (1e-9..=1e9).contains(weight))?;
            Some((label.to_owned(), weight))
        };
        let named = self.class_weight.iter().map(|text| {
            pair(text).ok_or_else(|| {
                Error::Usage(format!(
                    "--class-weight {text}: must be balanced or LABEL=W, with W 0 or from 1e-9 to 1e9"
                ))
            })
        });
        Ok(ClassWeights::Named(named.collect::<Result<_>>()?))
    }
}
