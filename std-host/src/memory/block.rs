//! How many images are encoded together.

use wta_core::Network;

/// Images in a block of a fully-connected network: enough for a matrix product. It is a few of the
/// convolution's tiles.
const FULLY_CONNECTED_BLOCK: usize = 28;

/// How many images are encoded together. A fully-connected layer needs several for a matrix product; a
/// convolution has enough positions in one.
pub(crate) fn block_len(network: &Network) -> usize {
    if network.is_fully_connected() { FULLY_CONNECTED_BLOCK } else { 1 }
}
