//! Screening: the same winners for a fraction of the arithmetic.
//!
//! Kernels that compute a layer by tiles ([`Kernels::tiling`]) find each tile's maximum with a sixth of the
//! multiplications. They prove how far it can be from the exact one, that of [`Kernels::activations`]. Only
//! the maxima are kept, and the maps are never written ([`Encoder::screen`]). What the bound cannot exclude
//! is then evaluated exactly: the tiles that may hold a map's maximum ([`Encoder::refine`]), where that may
//! be above 0: a map that is silent in an image is told by its maxima before the ReLU. With lifetime
//! sparsity, only images whose winner may survive are evaluated. The first round takes those with the largest
//! estimates ([`Encoder::refine_promising`]). The second takes those that may reach what the first round
//! found ([`thresholds`], [`Encoder::refine_open`]). Winners and their values are those of evaluating every
//! position, to the last bit; how they were found leaves no trace in the weights.

use crate::cut::Cut;
use crate::encode::{Encoder, tiling};
use crate::error::{Result, expect_len};
use crate::field::ReceptiveFields;
use crate::kernels::{Kernels, Screened, Tiling};
use crate::math;
use crate::memory::{part, quotient};
use crate::network::Network;
use crate::parameters::Filters;
use crate::runs::{column, runs};
use crate::shape::{Shape, Size};

/// Positions of a tile that are evaluated together; no kernels have larger tiles.
const MAX_TILE: usize = 64;

impl<K: Kernels> Encoder<'_, K> {
    /// How the last layer is screened with these kernels, where it is.
    fn screen_tiling(kernels: K, network: &Network) -> Option<Tiling> {
        // What a screening finds has its place in the code: the maxima of the tiles, and two numbers more.
        let positions = network.top().receptive_fields().positions();
        tiling(kernels, &network.top()).filter(|tiling| {
            tiling.rows.saturating_mul(tiling.columns) <= MAX_TILE && tiling.tiles() + 2 <= positions
        })
    }

    /// Whether winners of such a grid are found by screening: those of whole maps are.
    pub fn screens(&self, grid: Size) -> bool {
        grid == Size::ONE && Self::screen_tiling(self.kernels(), self.network_ref()).is_some()
    }

    /// Numbers that [`Encoder::screen`] writes for an image: the maxima by tile and map, each map's largest,
    /// each map's slack. 0 for kernels that do not screen the last layer; never more than
    /// [`Network::code_len`].
    pub fn screen_len(kernels: K, network: &Network) -> usize {
        let tiles = Self::screen_tiling(kernels, network).map_or(0, |tiling| tiling.tiles() + 2);
        tiles.saturating_mul(network.code().channels)
    }

    /// Screens the last layer of one image: `input` is its padded input.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) unless `scratch` is [`Encoder::scratch_len`] and `screen`
    /// [`Encoder::screen_len`] long.
    pub fn screen(&self, input: &[f32], scratch: &mut [f32], screen: &mut [f32]) -> Result<()> {
        let network = self.network_ref();
        expect_len("scratch", Self::scratch_len(self.kernels(), network), scratch.len())?;
        expect_len("screen", Self::screen_len(self.kernels(), network), screen.len())?;
        let maps = network.code().channels;
        let (rest, slack) =
            screen.split_at_mut_checked(screen.len().saturating_sub(maps)).unwrap_or_default();
        let (maxima, best) = rest.split_at_mut_checked(rest.len().saturating_sub(maps)).unwrap_or_default();
        let filters = self.filters(network.depth() - 1);
        let fields = network.top().receptive_fields();
        self.kernels().screen(&fields, filters, input, scratch, Screened { maxima, best, slack });
        Ok(())
    }

    /// The winners of one image that has been screened, of all maps.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) unless there is a value and a position for each map, and
    /// `screen` is as for [`Encoder::screen`].
    pub fn refine(
        &self,
        input: &[f32],
        screen: &[f32],
        values: &mut [f32],
        positions: &mut [u32],
    ) -> Result<()> {
        self.refine_where(input, screen, values, positions, |_, _, _| Wanted::Now)
    }

    /// First round of lifetime sparsity, for one image: evaluates the winners whose estimate passes the map's
    /// cut (`cuts`, from the batch's [`promises`]). The others stay open.
    ///
    /// `image` is the image's place in the batch.
    ///
    /// # Errors
    ///
    /// As for [`Encoder::refine`], and unless there is a cut for each map.
    pub fn refine_promising(
        &self,
        image: usize,
        input: &[f32],
        screen: &[f32],
        cuts: &[Cut],
        values: &mut [f32],
        positions: &mut [u32],
    ) -> Result<()> {
        expect_len("cuts", self.network_ref().code().channels, cuts.len())?;
        self.refine_where(input, screen, values, positions, |map, screen, _| {
            let promising = cuts.get(map).is_some_and(|cut| cut.keeps(image, screen.promise()));
            if promising { Wanted::Now } else { Wanted::Later }
        })
    }

    /// Second round of lifetime sparsity, for one image: evaluates the open winners that may still reach
    /// their map's threshold. The others become 0.
    ///
    /// # Errors
    ///
    /// As for [`Encoder::refine`], and unless there is a threshold for each map.
    pub fn refine_open(
        &self,
        input: &[f32],
        screen: &[f32],
        thresholds: &[f32],
        values: &mut [f32],
        positions: &mut [u32],
    ) -> Result<()> {
        expect_len("thresholds", self.network_ref().code().channels, thresholds.len())?;
        self.refine_where(input, screen, values, positions, |map, screen, value| {
            let threshold = thresholds.get(map).copied().unwrap_or(0.0);
            match (value < 0.0, screen.upper() >= threshold) {
                (false, _) => Wanted::Done,
                (true, true) => Wanted::Now,
                (true, false) => Wanted::Never,
            }
        })
    }

    /// Evaluates the winners that are wanted. Not inlined: most kernels of microcontrollers screen nothing,
    /// and this would lie on their stacks.
    #[inline(never)]
    fn refine_where(
        &self,
        input: &[f32],
        screen: &[f32],
        values: &mut [f32],
        positions: &mut [u32],
        wanted: impl Fn(usize, &MapScreen<'_>, f32) -> Wanted,
    ) -> Result<()> {
        let network = self.network_ref();
        let maps = network.code().channels;
        expect_len("screen", Self::screen_len(self.kernels(), network), screen.len())?;
        expect_len("winners' values", maps, values.len())?;
        expect_len("winners' positions", maps, positions.len())?;
        let Some(tiling) = Self::screen_tiling(self.kernels(), network) else { return Ok(()) };
        let (code, fields) = (network.code(), network.top().receptive_fields());
        let filters = self.filters(network.depth() - 1);
        let top = Top { kernels: self.kernels(), code, tiling, fields, filters, input };
        for (map, (value, position)) in values.iter_mut().zip(positions).enumerate() {
            let screen = MapScreen::new(screen, maps, map);
            (*value, *position) = match wanted(map, &screen, *value) {
                Wanted::Now if screen.upper() > 0.0 => top.winner(map, &screen),
                Wanted::Now | Wanted::Never => (0.0, 0),
                Wanted::Later => (OPEN, 0),
                Wanted::Done => continue,
            };
        }
        Ok(())
    }
}

/// The last layer of one image, worked out once for all its maps.
struct Top<'a, K> {
    kernels: K,
    code: Shape,
    tiling: Tiling,
    fields: ReceptiveFields,
    filters: Filters<'a>,
    input: &'a [f32],
}

impl<K: Kernels> Top<'_, K> {
    /// The winner of one map: the most promising tile is evaluated, and then every other that may hold it.
    fn winner(&self, map: usize, screen: &MapScreen<'_>) -> (f32, u32) {
        let filter = part(self.filters.weights, map * self.fields.len(), self.fields.len());
        let bias = self.filters.bias.get(map).copied().unwrap_or(0.0);
        let Some(first) = screen.largest() else { return (0.0, 0) };
        let mut winner = self.evaluated(first, filter, bias, (0.0, 0));
        for (tile, maximum) in screen.tiles().enumerate() {
            // What is not a number excludes nothing.
            if tile == first || maximum + screen.slack < winner.0 {
                continue;
            }
            winner = self.evaluated(tile, filter, bias, winner);
        }
        winner
    }

    /// The winner of a tile and of what is known before: of equal ones that of the lowest position.
    fn evaluated(&self, tile: usize, filter: &[f32], bias: f32, before: (f32, u32)) -> (f32, u32) {
        let Self { kernels, code, tiling, fields, input, .. } = *self;
        let down = quotient(tile, tiling.across);
        let (y, x) = (down * tiling.rows, (tile - down * tiling.across) * tiling.columns);
        let (mut positions, mut values) = ([0; MAX_TILE], [0.0; MAX_TILE]);
        let mut places = positions.iter_mut();
        let columns = x..(x + tiling.columns).min(code.width);
        for y in y..(y + tiling.rows).min(code.height) {
            for (x, place) in columns.clone().zip(&mut places) {
                *place = (y * code.width + x) as u32;
            }
        }
        let count = MAX_TILE - places.len();
        let positions = positions.get(..count).unwrap_or(&[]);
        let values = values.get_mut(..count).unwrap_or(&mut []);
        kernels.activations(&fields, positions, input, filter, bias, values);
        let mut winner = before;
        for (value, position) in values.iter().zip(positions) {
            let (largest, at) = winner;
            if *value > largest || (*value == largest && *position < at) {
                winner = (*value, *position);
            }
        }
        winner
    }
}

/// Whether a winner is to be evaluated.
enum Wanted {
    Now,
    Later,
    Never,
    /// It has been.
    Done,
}

/// The value of a winner that has not been evaluated; no activation is negative.
const OPEN: f32 = -1.0;

/// The estimated winner of each map of a screened image; `f32::MAX` where the screen gives no estimate.
pub fn promises(screen: &[f32], promises: &mut [f32]) {
    let maps = promises.len();
    for (map, promise) in promises.iter_mut().enumerate() {
        *promise = MapScreen::new(screen, maps, map).promise();
    }
}

/// For each map, a lower bound of its `keep`-th largest winner in the batch: the smallest one evaluated, or 0
/// if fewer than `keep` have been. `values` is images x maps.
pub fn thresholds(values: &[f32], keep: usize, counts: &mut [u32], thresholds: &mut [f32]) {
    counts.fill(0);
    thresholds.fill(f32::INFINITY);
    for row in runs(values, thresholds.len()) {
        for ((value, count), threshold) in row.iter().zip(counts.iter_mut()).zip(thresholds.iter_mut()) {
            if *value >= 0.0 {
                *count += 1;
                *threshold = threshold.min(*value);
            }
        }
    }
    for (count, threshold) in counts.iter().zip(thresholds) {
        if (*count as usize) < keep {
            *threshold = 0.0;
        }
    }
}

/// What the screening of an image says about one map.
struct MapScreen<'a> {
    maxima: &'a [f32],
    maps: usize,
    map: usize,
    best: f32,
    slack: f32,
}

impl<'a> MapScreen<'a> {
    fn new(screen: &'a [f32], maps: usize, map: usize) -> Self {
        let (maxima, bounds) =
            screen.split_at_checked(screen.len().saturating_sub(2 * maps)).unwrap_or_default();
        let slack =
            bounds.get(maps + map).copied().filter(|slack| slack.is_finite()).unwrap_or(f32::INFINITY);
        Self { maxima, maps, map, best: bounds.get(map).copied().unwrap_or(0.0), slack }
    }

    /// What the map's winner is at most.
    fn upper(&self) -> f32 {
        if self.slack < f32::INFINITY { self.best + self.slack } else { f32::INFINITY }
    }

    /// The number to go by before the winner has been evaluated.
    fn promise(&self) -> f32 {
        if self.slack < f32::INFINITY { math::clamp(self.best, 0.0, f32::MAX) } else { f32::MAX }
    }

    /// The maxima of the tiles; where nothing is known, all are alike.
    fn tiles(&self) -> impl Iterator<Item = f32> {
        let is_known = self.slack < f32::INFINITY;
        column(self.maxima, self.map, self.maps).map(move |maximum| if is_known { *maximum } else { 0.0 })
    }

    /// The tile with the largest maximum; of equal ones the first.
    fn largest(&self) -> Option<usize> {
        let mut largest: Option<(usize, f32)> = None;
        for (tile, maximum) in self.tiles().enumerate() {
            if largest.is_none_or(|(_, value)| maximum > value) {
                largest = Some((tile, maximum));
            }
        }
        largest.map(|(tile, _)| tile)
    }
}
