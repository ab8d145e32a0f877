//! How many images are encoded together.

use wta_core::Network;

/// Images of a block of a fully-connected network, so that a block is a matrix product; a few of the
/// convolution's tiles.
const FULLY_CONNECTED_BLOCK: usize = 28;

/// Images that are encoded together: several make a matrix product of a fully-connected layer, while a
/// convolution has enough positions in one.
pub(crate) fn block_len(network: &Network) -> usize {
    if network.is_fully_connected() { FULLY_CONNECTED_BLOCK } else { 1 }
}
