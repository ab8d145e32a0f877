//! The atoms as pictures in a terminal: images by half blocks, shades of characters or pixels; signals and
//! vectors as curves.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::symbols::Marker;
use ratatui::widgets::canvas::{Canvas, Line};
use wta::data::Form;
use wta::picture::Atoms;

use super::colours::Colours;
use super::curves::thinned;

/// As many atoms are to be seen at once, if there are so many, even if they have to be shrunk for it.
const WANTED: usize = 12;

/// The least side of a shrunk atom, in pixels.
const LEAST_SIDE: usize = 6;

/// The side that small atoms are enlarged to where pixels are small.
const ENLARGED_SIDE: usize = 40;

/// The height of a curve's tile, and the limits of its width, in cells.
const CURVE_HEIGHT: u16 = 4;
const CURVE_WIDTH: std::ops::RangeInclusive<usize> = 12..=32;

/// The brightness of a cell, from black to white.
const SHADES: [&str; 5] = [" ", "░", "▒", "▓", "█"];

/// Whether atoms are drawn as curves.
pub(super) fn are_curves(atoms: &Atoms) -> bool {
    Form::of(atoms.shape()) != Form::Image
}

/// Atoms in rows, as pixels; those between atoms are `None`.
pub(super) struct Raster {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<Option<[u8; 3]>>,
    /// How many atoms there are.
    pub(super) shown: usize,
}

impl Raster {
    /// The atoms from `first` on that fit into so many pixels: enlarged where there is room, the more if
    /// pixels are `small`, and shrunk if there would be too few.
    pub(super) fn new(atoms: &Atoms, first: usize, width: usize, height: usize, small: bool) -> Self {
        let shape = atoms.shape();
        let left = atoms.iter().len().saturating_sub(first);
        let fit = |side: (usize, usize)| ((width + 1) / (side.0 + 1), (height + 1) / (side.1 + 1));
        let room_for = |side, count| fit(side).0 * fit(side).1 >= count;
        let wanted = left.clamp(1, WANTED);
        let smaller = shape.width.min(shape.height).max(1);
        let enlarged = |factor: usize| (shape.width * factor, shape.height * factor);
        // Large pixels are for large atoms only where all of them are seen.
        let at_least = if small { wanted } else { left.max(1) };
        let factors = 1..=ENLARGED_SIDE.div_ceil(smaller);
        let factor = factors.rev().find(|factor| room_for(enlarged(*factor), at_least)).unwrap_or(1);
        let shrunk = |by: usize| (shape.width.div_ceil(by), shape.height.div_ceil(by));
        let fits = |side| fit(side).0 > 0 && fit(side).1 > 0;
        let largest = shape.width.max(shape.height).max(1);
        let by = (1..=largest).find(|by| {
            let side = shrunk(*by);
            fits(side) && (room_for(side, wanted) || smaller / (by + 1) < LEAST_SIDE)
        });
        let Some(by) = by else { return Self { width: 0, height: 0, pixels: Vec::new(), shown: 0 } };
        let side = if by == 1 { enlarged(factor) } else { shrunk(by) };
        let (columns, rows) = fit(side);
        let (columns, shown) = (columns.min(left).max(1), left.min(columns * rows));
        let rows = shown.div_ceil(columns);
        let (width, height) = (columns * (side.0 + 1), rows * (side.1 + 1));
        let mut pixels = vec![None; width * height];
        for (index, atom) in atoms.iter().skip(first).take(shown).enumerate() {
            let (left, top) = (index % columns * (side.0 + 1), index / columns * (side.1 + 1));
            let largest = atom.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            let scale = if largest > 0.0 { 127.0 / largest } else { 0.0 };
            for y in 0..side.1 {
                for x in 0..side.0 {
                    let (rows, columns) = if by == 1 {
                        (y / factor..y / factor + 1, x / factor..x / factor + 1)
                    } else {
                        (y * by..((y + 1) * by).min(shape.height), x * by..((x + 1) * by).min(shape.width))
                    };
                    let pixel = mean(atom, shape.width, shape.channels, rows, columns);
                    let byte = |value: f32| (128.0 + scale * value).round().clamp(0.0, 255.0) as u8;
                    if let Some(place) = pixels.get_mut((top + y) * width + left + x) {
                        *place = Some(pixel.map(byte));
                    }
                }
            }
        }
        Self { width, height, pixels, shown }
    }

    fn at(&self, x: usize, y: usize) -> Option<[u8; 3]> {
        if x < self.width { self.pixels.get(y * self.width + x).copied().flatten() } else { None }
    }
}

/// The mean colour of a part of an atom. Atoms with neither one nor three channels are grey.
fn mean(
    atom: &[f32],
    width: usize,
    channels: usize,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
) -> [f32; 3] {
    let mut sum = [0.0f32; 3];
    let count = (rows.len() * columns.len()).max(1) as f32;
    for place in rows.flat_map(|row| columns.clone().map(move |column| row * width + column)) {
        let pixel = atom.get(place * channels..(place + 1) * channels).unwrap_or_default();
        let colour = match pixel {
            [red, green, blue] => [*red, *green, *blue],
            grey => [grey.iter().sum::<f32>() / channels.max(1) as f32; 3],
        };
        sum.iter_mut().zip(colour).for_each(|(sum, value)| *sum += value / count);
    }
    sum
}

/// Draws the atoms from `first` on that fit into an area, by characters; returns how many.
pub(super) fn draw(
    atoms: &Atoms,
    first: usize,
    colours: Colours,
    frame: &mut Frame<'_>,
    area: Rect,
) -> usize {
    if are_curves(atoms) {
        return draw_curves(atoms, first, colours, frame, area);
    }
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let raster = Raster::new(atoms, first, width, 2 * height, false);
    let buffer = frame.buffer_mut();
    for (y, row) in (0..height).zip(area.rows()) {
        for (x, place) in (0..width).zip(row.columns()) {
            let (upper, lower) = (raster.at(x, 2 * y), raster.at(x, 2 * y + 1));
            let Some(cell) = buffer.cell_mut(place.as_position()) else { continue };
            if colours == Colours::None {
                let values: Vec<u16> = [upper, lower]
                    .into_iter()
                    .flatten()
                    .map(|[r, g, b]| (u16::from(r) + u16::from(g) + u16::from(b)) / 3)
                    .collect();
                let brightness = values.iter().sum::<u16>() / (values.len() as u16).max(1);
                cell.set_symbol(SHADES.get(usize::from(brightness) / 52).unwrap_or(&" "));
                continue;
            }
            match (upper, lower) {
                (Some(upper), Some(lower)) => {
                    cell.set_symbol("▀").set_fg(colours.colour(upper)).set_bg(colours.colour(lower));
                }
                (Some(upper), None) => {
                    cell.set_symbol("▀").set_fg(colours.colour(upper));
                }
                (None, Some(lower)) => {
                    cell.set_symbol("▄").set_fg(colours.colour(lower));
                }
                (None, None) => {}
            }
        }
    }
    raster.shown
}

fn draw_curves(atoms: &Atoms, first: usize, colours: Colours, frame: &mut Frame<'_>, area: Rect) -> usize {
    let shape = atoms.shape();
    let (steps, channels) = (shape.width.max(shape.height), shape.channels.max(1));
    let width = (steps / 2).clamp(*CURVE_WIDTH.start(), *CURVE_WIDTH.end()) as u16;
    let (width, height) = (width.min(area.width), CURVE_HEIGHT.min(area.height));
    if width == 0 || height == 0 {
        return 0;
    }
    let columns = ((area.width + 1) / (width + 1)).max(1);
    let rows = ((area.height + 1) / (height + 1)).max(1);
    let shown = usize::from(columns) * usize::from(rows);
    let mut drawn = 0;
    for (atom, index) in atoms.iter().skip(first).take(shown).zip(0u16..) {
        let (left, top) = (index % columns * (width + 1), index / columns * (height + 1));
        let place = Rect::new(area.x + left, area.y + top, width, height).intersection(area);
        let largest = atom.iter().fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
        let curves: Vec<Vec<(f64, f64)>> = (0..channels)
            .map(|channel| {
                let values = atom.iter().skip(channel).step_by(channels);
                let points =
                    (0u32..).zip(values).map(|(step, value)| (f64::from(step), f64::from(value / largest)));
                thinned(points.collect(), 4 * usize::from(width))
            })
            .collect();
        let last = (steps.max(2) - 1) as f64;
        let canvas =
            Canvas::default().marker(Marker::Braille).x_bounds([0.0, last]).y_bounds([-1.0, 1.0]).paint(
                |context| {
                    for (channel, curve) in curves.iter().enumerate() {
                        for pair in curve.windows(2) {
                            let [(x1, y1), (x2, y2)] = pair else { continue };
                            context.draw(&Line::new(*x1, *y1, *x2, *y2, colours.of_curve(channel)));
                        }
                    }
                },
            );
        frame.render_widget(canvas, place);
        drawn += 1;
    }
    drawn
}
