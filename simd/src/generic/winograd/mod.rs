//! Convolutions with a fraction of the multiplications: algorithms of Cook, Toom and Winograd.
//!
//! A tile of `m` outputs of a filter of `r` taps is seen by `m + r - 1` inputs. Both the tile and the filter
//! are transformed to as many points ([`points`], [`transform`]). At each point, a product of matrices sums
//! over the channels ([`multiply`]). The sums are transformed back. In two dimensions, rows and columns have
//! algorithms of their own. A 5 x 5 kernel takes 64 multiplications in place of 400 for 4 x 4 outputs. A
//! kernel of one row and nine columns takes two pieces of five taps: 20 in place of 54 for six outputs
//! ([`axis`]). Which of them a layer is computed by follows from its shape ([`plan`]).
//!
//! An image goes through in blocks of tiles whose transformed inputs stay in the second-level cache. A block
//! takes a pair of panels of maps at a time, so the sums stay there too. The outputs of a tile are written to
//! the next layer's maps, or only their maximum is kept ([`bound`] says how far it may be off).
//!
//! Every number is computed in an order that depends on its tile alone.

mod axis;
mod bound;
mod multiply;
mod plan;
mod points;
mod prepare;
mod tiles;
mod transform;

pub(crate) use plan::{Plan, TiledLayer};
pub(crate) use prepare::prepare;
