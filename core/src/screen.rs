//! Screening: the same winners for a fraction of the arithmetic.
//!
//! Kernels that compute a layer by tiles ([`Kernels::tiling`]) find each tile's maximum with a fifth of the
//! multiplications, and prove how far it can be from the truth, which is what [`Kernels::convolve`] computes. Only the
//! maxima are kept, and the maps are never written ([`Encoder::screen`]). What the bound cannot exclude is then
//! evaluated exactly ([`Encoder::refine`]): the tiles that may hold a map's maximum, and, with lifetime sparsity, only
//! for the images whose winner may survive ([`lower_bounds`]). Winners and their values are those of the direct
//! convolution to the last bit; how they were found leaves no trace in the weights.

use crate::encode::{Encoder, tiling};
use crate::error::{Result, expect_len};
use crate::kernels::{Kernels, Screened, Tiling};
use crate::network::Network;
use crate::parameters::part;
use crate::select::Cut;
use crate::shape::Size;

/// Positions of a tile that are evaluated together; no kernels have larger tiles.
const MAX_TILE: usize = 64;

impl<K: Kernels> Encoder<'_, K> {
    /// How the last layer is screened with these kernels, where it is.
    fn screen_tiling(kernels: K, network: &Network) -> Option<Tiling> {
        tiling(kernels, &network.top()).filter(|tiling| tiling.side * tiling.side <= MAX_TILE)
    }

    /// Whether winners of such a grid are found by screening: those of whole maps are.
    pub fn screens(&self, grid: Size) -> bool {
        grid == Size::ONE && Self::screen_tiling(self.kernels(), &self.network()).is_some()
    }

    /// Numbers that [`Encoder::screen`] writes for an image: the maxima by tile and map, each map's largest, each map's
    /// slack. 0 for kernels that do not screen the last layer; never more than [`Network::code_len`].
    pub fn screen_len(kernels: K, network: &Network) -> usize {
        let tiles = Self::screen_tiling(kernels, network).map_or(0, |tiling| tiling.tiles() + 2);
        tiles.saturating_mul(network.code().channels)
    }

    /// Screens the last layer of one image: `input` is its bordered input.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) unless `scratch` is [`Encoder::scratch_len`] and `screen`
    /// [`Encoder::screen_len`] long.
    pub fn screen(&self, input: &[f32], scratch: &mut [f32], screen: &mut [f32]) -> Result<()> {
        let network = self.network();
        expect_len("scratch", Self::scratch_len(self.kernels(), &network), scratch.len())?;
        expect_len("screen", Self::screen_len(self.kernels(), &network), screen.len())?;
        let maps = network.code().channels;
        let (rest, slack) =
            screen.split_at_mut_checked(screen.len().saturating_sub(maps)).unwrap_or_default();
        let (maxima, best) = rest.split_at_mut_checked(rest.len().saturating_sub(maps)).unwrap_or_default();
        let filters = self.filters(network.depth() - 1);
        let fields = network.top().fields();
        self.kernels().screen(&fields, filters, input, scratch, Screened { maxima, best, slack });
        Ok(())
    }

    /// The winners of one image that has been screened: of each map, or, given cuts of the [`lower_bounds`] of a whole
    /// batch, of each map where it may survive; 0 elsewhere.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) unless there is a value, a position and a cut for each map, and
    /// `screen` is as for [`Encoder::screen`].
    pub fn refine(
        &self,
        input: &[f32],
        screen: &[f32],
        cuts: Option<&[Cut]>,
        values: &mut [f32],
        positions: &mut [u32],
    ) -> Result<()> {
        let network = self.network();
        let maps = network.code().channels;
        expect_len("screen", Self::screen_len(self.kernels(), &network), screen.len())?;
        expect_len("winners' values", maps, values.len())?;
        expect_len("winners' positions", maps, positions.len())?;
        if let Some(cuts) = cuts {
            expect_len("cuts", maps, cuts.len())?;
        }
        let (maxima, bounds) =
            screen.split_at_checked(screen.len().saturating_sub(2 * maps)).unwrap_or_default();
        let bounds = bounds.iter().take(maps).zip(bounds.iter().skip(maps));
        let winners = values.iter_mut().zip(positions);
        for (map, ((best, slack), (value, position))) in bounds.zip(winners).enumerate() {
            let threshold = cuts.and_then(|cuts| cuts.get(map)).map_or(0.0, |cut| cut.threshold);
            // What is not a number excludes nothing.
            let hopeless = best + slack < threshold || best + slack <= 0.0;
            (*value, *position) =
                if hopeless { (0.0, 0) } else { self.winner(map, input, maxima, best - 2.0 * slack) };
        }
        Ok(())
    }

    /// The winner of one map among the tiles whose maximum is at least `least`.
    fn winner(&self, map: usize, input: &[f32], maxima: &[f32], least: f32) -> (f32, u32) {
        let network = self.network();
        let (layer, code) = (network.top(), network.code());
        let Some(tiling) = Self::screen_tiling(self.kernels(), &network) else { return (0.0, 0) };
        let (fields, filters) = (layer.fields(), self.filters(network.depth() - 1));
        let filter = part(filters.weights, map * fields.len(), fields.len());
        let bias = filters.bias.get(map).copied().unwrap_or(0.0);
        let mut winner = (0.0, 0);
        for (tile, maximum) in maxima.iter().skip(map).step_by(code.channels.max(1)).enumerate() {
            if *maximum < least {
                continue;
            }
            let (y, x) =
                (tile / tiling.across.max(1) * tiling.side, tile % tiling.across.max(1) * tiling.side);
            let rows = y..(y + tiling.side).min(code.height);
            let inside = rows.flat_map(|y| {
                (x..(x + tiling.side).min(code.width)).map(move |x| (y * code.width + x) as u32)
            });
            let (mut positions, mut values) = ([0; MAX_TILE], [0.0; MAX_TILE]);
            let mut count = 0;
            for (place, position) in positions.iter_mut().zip(inside) {
                *place = position;
                count += 1;
            }
            let positions = positions.get(..count).unwrap_or(&[]);
            let values = values.get_mut(..count).unwrap_or(&mut []);
            self.kernels().activations(&fields, positions, input, filter, bias, values);
            for (value, position) in values.iter().zip(positions) {
                let (largest, at) = winner;
                if *value > largest || (*value == largest && *position < at) {
                    winner = (*value, *position);
                }
            }
        }
        winner
    }
}

/// What the winners of a screened image are at least, one number for each map: cutting those of a batch as the
/// winners will be cut says which winners cannot survive.
pub fn lower_bounds(screen: &[f32], bounds: &mut [f32]) {
    let maps = bounds.len();
    let rest = screen.get(screen.len().saturating_sub(2 * maps)..).unwrap_or(&[]);
    for (bound, (best, slack)) in bounds.iter_mut().zip(rest.iter().zip(rest.iter().skip(maps))) {
        let lower = best - slack;
        *bound = if lower > 0.0 && lower < f32::INFINITY { lower } else { 0.0 };
    }
}
