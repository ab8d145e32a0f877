//! Convolutions by 5 x 5 filters over many channels with a quarter to a sixth of the multiplications:
//! Winograd's F(4 x 4, 5 x 5).
//!
//! A tile of 4 x 4 outputs is seen by 8 x 8 inputs. Both the tile and the filters are transformed to 8 x 8
//! points ([`transform`]). At each point, a product of matrices sums over the channels ([`multiply`]). The
//! sums are transformed back. 64 multiplications take the place of 400.
//!
//! An image goes through in blocks of tiles whose transformed inputs stay in the second-level cache. A block
//! takes a pair of panels of maps at a time, so the sums stay there too. The outputs of a tile are written to
//! the next layer's maps, or only their maximum is kept ([`bound`] says how far it may be off).
//!
//! Every number is computed in an order that depends on its tile alone.

mod bound;
mod multiply;
mod plan;
mod prepare;
mod tiles;
mod transform;

pub(crate) use plan::{Plan, TiledLayer};
pub(crate) use prepare::prepare;
