//! Pictures of signals and vectors: curves along the time, one colour for each channel.

use image::RgbImage;
use plotters::coord::Shift;
use plotters::prelude::*;
use wta_core::Shape;

use super::image::{Picture, expect_finite};
use crate::error::{Error, Result};

/// The colours of the channels, which people with any colour vision tell apart (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
];

/// A sample behind its reconstruction.
const BEHIND: RGBColor = RGBColor(170, 170, 170);

/// Zero, and the frames of tiles.
const FAINT: RGBColor = RGBColor(215, 215, 215);

/// Winners.
const MARK: RGBColor = RGBColor(255, 70, 40);

/// The widest picture that is comfortable to view, in pixels.
const WIDEST: u32 = 1600;

/// The most channels that are drawn one below the other; more lie over each other.
const MOST_LANES: usize = 12;

/// The height of a lane with a channel of its own, of a tile with all channels, and the space around a tile.
const LANE: u32 = 40;
const TILE: u32 = 72;
const GAP: u32 = 4;

/// The width of a tile: a pixel for each time step, within limits.
const WIDTH: std::ops::RangeInclusive<usize> = 96..=320;

/// Curves over the same time steps, with one scale.
struct Lane {
    curves: Vec<(RGBColor, Vec<f32>)>,
    /// Time steps and values that are marked.
    marks: Vec<(usize, f32)>,
}

/// A tile of lanes, one below the other.
struct Tile(Vec<Lane>);

/// A dictionary: each atom a tile with a lane for each channel, 0 a faint line. An atom's lanes have one
/// scale. `atoms` have their channels last.
///
/// # Errors
///
/// One sentence if there is no atom, or a number is not finite.
pub(super) fn dictionary(atoms: &[f32], count: usize, shape: Shape) -> Result<Picture> {
    expect_finite(atoms)?;
    let tile = |atom| Tile(lanes(curves(atom, shape.channels)));
    draw(&atoms.chunks_exact(shape.len().max(1)).take(count).map(tile).collect::<Vec<_>>(), Scale::OfTile)
}

/// Samples: each a tile, with a lane for each channel. A channel has the same scale in all tiles.
///
/// # Errors
///
/// One sentence if there is no sample, or a number is not finite.
pub(super) fn samples(samples: &[f32], shape: Shape) -> Result<Picture> {
    expect_finite(samples)?;
    let tile = |sample| Tile(lanes(curves(sample, shape.channels)));
    draw(&samples.chunks_exact(shape.len().max(1)).map(tile).collect::<Vec<_>>(), Scale::OfLane)
}

/// The width and the height of a lane in [`single`], in pixels.
const SMALL: (u32, u32) = (160, 48);

/// A sample, or an atom with 0 in the middle of its lanes, as a small SVG without a background, to stand on a
/// page that is light or dark.
///
/// # Errors
///
/// One sentence if there are no values, or a number is not finite.
pub(super) fn single(values: &[f32], shape: Shape, is_atom: bool) -> Result<String> {
    expect_finite(values)?;
    let failed = || Error::Invalid("there is nothing to make a picture of".to_owned());
    // A point for each pixel is enough.
    let few = (values.len() / shape.channels.max(1)).div_ceil(SMALL.0 as usize).max(1);
    let thin = |(colour, curve): (RGBColor, Vec<f32>)| (colour, curve.into_iter().step_by(few).collect());
    let lanes = lanes(curves(values, shape.channels).into_iter().map(thin).collect::<Vec<(_, Vec<f32>)>>());
    let steps = lanes.first().and_then(|lane| lane.curves.first()).map_or(0, |(_, curve)| curve.len());
    if steps == 0 {
        return Err(failed());
    }
    let of_atom = range(lanes.iter().flat_map(Lane::values), true);
    let count = lanes.len() as u32;
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (SMALL.0, SMALL.1 * count)).into_drawing_area();
        for (lane, place) in lanes.iter().zip(area.split_evenly((lanes.len(), 1))) {
            let range = if is_atom { of_atom } else { range(lane.values(), false) };
            lane.draw(&place, steps, range).map_err(|_| failed())?;
        }
        area.present().map_err(|_| failed())?;
    }
    Ok(text)
}

/// Samples in grey behind their reconstructions in colours, with a lane for each channel.
///
/// # Errors
///
/// As for [`samples`].
pub(super) fn side_by_side(samples: &[f32], reconstructions: &[f32], shape: Shape) -> Result<Picture> {
    expect_finite(samples)?;
    expect_finite(reconstructions)?;
    let len = shape.len().max(1);
    let pairs = samples.chunks_exact(len).zip(reconstructions.chunks_exact(len));
    let tile = |(sample, made)| {
        let mut tile = lanes(curves(made, shape.channels));
        let behind = curves(sample, shape.channels).into_iter().map(|(_, curve)| (BEHIND, curve));
        let one_lane = tile.len() == 1;
        for (channel, curve) in behind.enumerate() {
            let lane = tile.get_mut(if one_lane { 0 } else { channel });
            lane.into_iter().for_each(|lane| lane.curves.insert(0, curve.clone()));
        }
        Tile(tile)
    };
    draw(&pairs.map(tile).collect::<Vec<_>>(), Scale::OfLane)
}

/// The feature maps of a signal: each a tile, with its winners (map and position) marked, all on one scale.
///
/// # Errors
///
/// One sentence if there is no map, or a number is not finite.
pub(super) fn feature_maps(maps: &[f32], shape: Shape, winners: &[(usize, usize)]) -> Result<Picture> {
    expect_finite(maps)?;
    let tile = |(map, (_, curve)): (usize, (RGBColor, Vec<f32>))| {
        let mine = winners.iter().filter(|(winner, _)| *winner == map);
        let marks = mine.filter_map(|(_, position)| Some((*position, *curve.get(*position)?))).collect();
        let colour = COLOURS.first().copied().unwrap_or(BLACK);
        Tile(vec![Lane { curves: vec![(colour, curve)], marks }])
    };
    let tiles = curves(maps, shape.channels).into_iter().enumerate().map(tile);
    draw(&tiles.collect::<Vec<_>>(), Scale::OfLane)
}

/// The curve of each channel.
fn curves(values: &[f32], channels: usize) -> Vec<(RGBColor, Vec<f32>)> {
    let colours = COLOURS.iter().cycle().copied();
    let curve = |channel: usize| values.iter().skip(channel).step_by(channels.max(1)).copied().collect();
    colours.zip(0..channels).map(|(colour, channel)| (colour, curve(channel))).collect()
}

/// A lane for each curve, or one for all.
fn lanes(curves: Vec<(RGBColor, Vec<f32>)>) -> Vec<Lane> {
    if curves.len() > MOST_LANES {
        return vec![Lane { curves, marks: Vec::new() }];
    }
    curves.into_iter().map(|curve| Lane { curves: vec![curve], marks: Vec::new() }).collect()
}

/// What has one scale.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// Each tile by itself, with 0 in the middle.
    OfTile,
    /// The lanes at the same place in all tiles.
    OfLane,
}

/// The least and the largest value, with a margin; of nothing or of equal values, a range around them.
fn range<'a>(values: impl Iterator<Item = &'a f32>, around_zero: bool) -> (f32, f32) {
    let (low, high) = values
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
    let (low, high) = match (low <= high, around_zero) {
        (false, _) => (0.0, 0.0),
        (true, true) => (-low.abs().max(high.abs()), low.abs().max(high.abs())),
        (true, false) => (low, high),
    };
    // A share of each, as the difference of the largest numbers is not finite.
    let margin = (0.05 * high - 0.05 * low).max(1e-3 * high.abs().max(low.abs())).max(f32::MIN_POSITIVE);
    ((low - margin).max(f32::MIN), (high + margin).min(f32::MAX))
}

/// Arranges tiles in rows.
fn draw(tiles: &[Tile], scale: Scale) -> Result<Picture> {
    let wrong = |problem: &str| Error::Invalid(problem.to_owned());
    let first =
        tiles.first().and_then(|Tile(lanes)| lanes.first()?.curves.first().map(|(_, curve)| curve.len()));
    let Some(steps) = first else { return Err(wrong("there is nothing to make a picture of")) };
    let lanes = tiles.first().map_or(1, |Tile(lanes)| lanes.len()) as u32;
    let width = steps.clamp(*WIDTH.start(), *WIDTH.end()) as u32;
    let height = if lanes == 1 { TILE } else { lanes * LANE };
    let (step_x, step_y) = (width + GAP, height + GAP);
    let count = u32::try_from(tiles.len()).map_err(|_| wrong("a picture of so many samples is too large"))?;
    let columns = (WIDEST / step_x).clamp(1, count);
    let (total_x, total_y) = (columns * step_x + GAP, count.div_ceil(columns).saturating_mul(step_y) + GAP);
    let mut pixels = vec![255; total_x as usize * total_y as usize * 3];
    let ranges: Vec<(f32, f32)> = (0..lanes as usize)
        .map(|lane| {
            range(tiles.iter().filter_map(|Tile(lanes)| lanes.get(lane)).flat_map(Lane::values), false)
        })
        .collect();
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (total_x, total_y)).into_drawing_area();
        for (index, Tile(lanes)) in (0..count).zip(tiles) {
            let (left, top) = (GAP + index % columns * step_x, GAP + index / columns * step_y);
            for ((at, lane), of_all) in (0u32..).zip(lanes).zip(&ranges) {
                let range = match scale {
                    Scale::OfLane => *of_all,
                    Scale::OfTile => range(lanes.iter().flat_map(Lane::values), true),
                };
                let height = height / lanes.len().max(1) as u32;
                let place = area.clone().shrink((left, top + at * height), (width, height));
                // Backends in memory have no errors.
                lane.draw(&place, steps, range).map_err(|_| wrong("a picture cannot be drawn"))?;
            }
        }
    }
    let image = RgbImage::from_raw(total_x, total_y, pixels);
    image.map(Picture::from).ok_or_else(|| wrong("a picture of so many samples is too large"))
}

impl Lane {
    fn values(&self) -> impl Iterator<Item = &f32> {
        self.curves.iter().flat_map(|(_, curve)| curve)
    }

    fn draw<B: DrawingBackend<ErrorType: 'static>>(
        &self,
        place: &DrawingArea<B, Shift>,
        steps: usize,
        (low, high): (f32, f32),
    ) -> std::result::Result<(), Box<dyn std::error::Error>> {
        let failed = |error: DrawingAreaErrorKind<_>| error.to_string();
        let last = steps.saturating_sub(1).max(1) as f64;
        let (low, high) = (f64::from(low), f64::from(high));
        let mut chart = ChartBuilder::on(place).build_cartesian_2d(0.0..last, low..high)?;
        let (right, bottom) = place.dim_in_pixel();
        let frame = Rectangle::new([(0, 0), (right as i32 - 1, bottom as i32 - 1)], FAINT);
        place.draw(&frame).map_err(failed)?;
        if low < 0.0 && high > 0.0 {
            chart.draw_series(LineSeries::new([(0.0, 0.0), (last, 0.0)], FAINT))?;
        }
        for (colour, curve) in &self.curves {
            let points = (0u32..).zip(curve).map(|(step, value)| (f64::from(step), f64::from(*value)));
            chart.draw_series(LineSeries::new(points, *colour))?;
        }
        let marks = self
            .marks
            .iter()
            .map(|(step, value)| Circle::new((*step as f64, f64::from(*value)), 3, MARK.filled()));
        chart.draw_series(marks)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pixels of a colour, as (column, row).
    fn places(picture: &Picture, colour: RGBColor) -> Vec<(u32, u32)> {
        let wanted = [colour.0, colour.1, colour.2];
        picture.pixels().filter(|(_, _, pixel)| *pixel == wanted).map(|(x, y, _)| (x, y)).collect()
    }

    #[test]
    fn each_channel_is_a_curve_in_a_lane_of_its_own() {
        // Two channels of 100 steps: one rises, the other falls.
        let signal: Vec<f32> = (0..100).flat_map(|step| [step as f32, -(step as f32)]).collect();
        let shape = Shape::new(2, 1, 100);
        let picture = samples(&[&signal[..], &signal].concat(), shape).unwrap();
        assert_eq!(picture.size(), (2 * 104 + 4, 2 * 40 + 8));
        let (rising, falling) = (places(&picture, COLOURS[0]), places(&picture, COLOURS[1]));
        let first_tile = |places: &[(u32, u32)]| {
            let mut places: Vec<_> = places.iter().copied().filter(|(x, _)| *x < 104).collect();
            places.sort_unstable();
            (places[0], places[places.len() - 1])
        };
        let ((left, low), (right, high)) = first_tile(&rising);
        assert!(left <= 5 && right >= 101 && low > high + 25 && low < 44, "{rising:?}");
        let ((_, high), (_, low)) = first_tile(&falling);
        assert!(low > high + 25 && high >= 44, "{falling:?}");
        // Of more channels than lanes, all are in one.
        let many = samples(&vec![1.0; 20 * 100], Shape::new(20, 1, 100)).unwrap();
        assert_eq!(many.size().1, TILE + 2 * GAP);
    }

    #[test]
    fn an_atom_has_its_own_scale_and_a_reconstruction_that_of_its_sample() {
        let shape = Shape::new(1, 1, 96);
        let wave = |size: f32| (0..96).map(|step| size * (0.2 * step as f32).sin()).collect::<Vec<f32>>();
        let rows = |picture: &Picture, tile: u32, colour| {
            let inside = |x: u32| (tile * 100..tile * 100 + 100).contains(&x);
            let rows: Vec<u32> =
                places(picture, colour).into_iter().filter(|(x, _)| inside(*x)).map(|(_, y)| y).collect();
            rows.iter().max().unwrap() - rows.iter().min().unwrap()
        };
        let picture = dictionary(&[wave(1.0), wave(100.0)].concat(), 2, shape).unwrap();
        assert!(rows(&picture, 0, COLOURS[0]) == rows(&picture, 1, COLOURS[0]));
        let both = side_by_side(&wave(4.0), &wave(1.0), shape).unwrap();
        assert!(rows(&both, 0, BEHIND) > 3 * rows(&both, 0, COLOURS[0]));
        assert!(!places(&feature_maps(&wave(1.0), shape, &[(0, 7)]).unwrap(), MARK).is_empty());
        assert!(places(&feature_maps(&wave(1.0), shape, &[]).unwrap(), MARK).is_empty());
    }

    #[test]
    fn nothing_odd_or_extreme_breaks_a_picture() {
        let shape = Shape::new(1, 1, 2);
        assert!(samples(&[], shape).is_err() && samples(&[0.0, f32::NAN], shape).is_err());
        for values in [[0.0; 2], [f32::MAX, f32::MIN], [1e-40, -1e-40], [5.0; 2]] {
            dictionary(&values, 1, shape).unwrap();
            samples(&values, shape).unwrap();
        }
        dictionary(&[1.0], 1, Shape::new(1, 1, 1)).unwrap();
    }
}
