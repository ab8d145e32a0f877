//! Linear support vector machines: one class against the rest, L2-regularised squared hinge loss, by dual
//! coordinate descent or, for few features, by Newton's method ([`Solver`]).
//!
//! For each class, training minimises `(|w|^2 + b^2) / 2 + C sum_i max(0, 1 - y_i (w . x_i + b))^2`. This is
//! LIBLINEAR's solver 1 with a bias of 1, and scikit-learn's `LinearSVC(loss="squared_hinge", dual=True)`.
//! Rows and classes may have weights ([`Costs`]), and the bias another constant, or none
//! ([`Options::intercept`]).
//! Features are sparse [`Rows`]; a [`Scaling`] brings them to a common scale. [`fit`] trains with a given
//! `C`; [`choose_and_fit`] first chooses it on held-out examples. Both return a [`Model`] and a [`Report`] on
//! how well each class was solved. [`validate`] tells how each value of `C` does in cross-validation.
//!
//! It is faster than LIBLINEAR for two reasons: up to eight classes are trained in lockstep on each pass over
//! a row, in `f32` (see [`lanes`]), and groups of classes run side by side. The number of rayon's threads
//! does not change a bit of the result, nor does the number of processes that train together
//! ([`Options::ranks`]), over which the groups are spread.

mod choose;
mod columns;
mod costs;
pub mod file;
mod fit;
mod gathered;
mod group;
pub mod lanes;
mod model;
mod newton;
mod rows;
mod scaling;
mod solver;
mod stop;
mod validate;

pub use choose::{Choice, HoldOut, Search, Trial, check_grid, choose, choose_and_fit};
pub use columns::Columns;
pub use costs::Costs;
pub use fit::{ClassReport, Options, Report, fit};
pub(crate) use gathered::append_all;
pub use lanes::Entry;
pub(crate) use model::best;
pub use model::{Decision, Model};
pub use rows::Rows;
pub use scaling::{Scaling, raise};
pub use solver::Solver;
pub use stop::Stop;
pub use validate::{Validated, validate};
