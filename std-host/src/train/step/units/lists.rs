//! The survivors of a batch, in lists: of each unit, and of each image.

use rayon::prelude::*;

/// The units of one task: a few of the matrix product's tiles of 6.
pub(super) const UNITS_PER_TASK: usize = 24;

/// A batch of so many numbers stays in a second-level cache beside the units of a task.
const CACHED: usize = 1 << 18;

/// The units whose codes one task computes. Each task reads the whole batch, so that of a large one, which
/// comes from farther away, more units are to make use of it.
pub(super) const fn units_per_product(batch: usize, inputs: usize) -> usize {
    if batch.saturating_mul(inputs) > CACHED { 4 * UNITS_PER_TASK } else { UNITS_PER_TASK }
}

/// The survivors of each unit. A unit has so many places in the lists, of which the first are in use.
#[derive(Default)]
pub(super) struct Lists {
    /// Where each unit's places begin, and where the last one's end.
    starts: Vec<usize>,
    counts: Vec<u32>,
    values: Vec<f32>,
    rows: Vec<u32>,
    deltas: Vec<f32>,
}

/// The survivors of one unit.
#[derive(Clone, Copy)]
pub(super) struct Survivors<'a> {
    /// The activations.
    pub(super) values: &'a [f32],
    /// The rows of residuals that they are to explain: those of their images, or of what is left of them.
    pub(super) rows: &'a [u32],
    /// The deltas, once they are known.
    pub(super) deltas: &'a [f32],
}

/// The lists of a task's units, to be changed.
pub(super) struct Task<'a> {
    /// The first of the units.
    pub(super) first: usize,
    starts: &'a [usize],
    pub(super) counts: &'a mut [u32],
    pub(super) values: &'a mut [f32],
    pub(super) rows: &'a mut [u32],
    deltas: &'a mut [f32],
}

/// The places of a unit that are in use, to be changed.
pub(super) struct Places<'a> {
    pub(super) unit: usize,
    pub(super) count: &'a mut u32,
    pub(super) values: &'a mut [f32],
    pub(super) rows: &'a mut [u32],
    pub(super) deltas: &'a mut [f32],
}

impl Lists {
    /// Gives each of so many units as many places, none of which is in use.
    pub(super) fn set_places(&mut self, units: usize, places: usize) {
        self.set_starts((0..=units).map(|unit| unit * places).collect());
    }

    fn set_starts(&mut self, starts: Vec<usize>) {
        let (units, len) = (starts.len() - 1, starts.last().copied().unwrap_or(0));
        self.starts = starts;
        self.counts.clear();
        self.counts.resize(units, 0);
        self.values.resize(len, 0.0);
        self.rows.resize(len, 0);
        self.deltas.resize(len, 0.0);
    }

    /// How many survivors each unit has.
    pub(super) fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// The survivors of a unit.
    pub(super) fn of(&self, unit: usize) -> Survivors<'_> {
        let start = self.starts.get(unit).copied().unwrap_or(0);
        let used = start..start + self.counts.get(unit).map_or(0, |count| *count as usize);
        Survivors {
            values: self.values.get(used.clone()).unwrap_or_default(),
            rows: self.rows.get(used.clone()).unwrap_or_default(),
            deltas: self.deltas.get(used).unwrap_or_default(),
        }
    }

    /// The survivors of all units, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Survivors<'_>> {
        (0..self.counts.len()).map(|unit| self.of(unit))
    }

    /// The lists, a task's units at a time.
    pub(super) fn tasks(&mut self) -> Vec<Task<'_>> {
        self.tasks_of(UNITS_PER_TASK)
    }

    /// The lists, so many units at a time.
    pub(super) fn tasks_of(&mut self, units: usize) -> Vec<Task<'_>> {
        let Self { starts, counts, values, rows, deltas } = self;
        let (mut values, mut rows, mut deltas) = (&mut values[..], &mut rows[..], &mut deltas[..]);
        let mut tasks = Vec::with_capacity(counts.len().div_ceil(units));
        for (task, counts) in counts.chunks_mut(units).enumerate() {
            let first = task * units;
            let starts = starts.get(first..=first + counts.len()).unwrap_or_default();
            let len = starts.last().map_or(0, |end| end - starts[0]);
            tasks.push(Task {
                first,
                starts,
                counts,
                values: take(&mut values, len),
                rows: take(&mut rows, len),
                deltas: take(&mut deltas, len),
            });
        }
        tasks
    }

    /// Fills the lists from those of the images, with the images' residuals as their rows.
    pub(super) fn fill(&mut self, units: usize, by_image: &ByImage) {
        self.append(units, &[(by_image, 0)]);
    }

    /// The same from several lists of images; with the number of the row of the first image's residual for
    /// each. In a unit's list, those of the first come first.
    pub(super) fn append(&mut self, units: usize, lists: &[(&ByImage, usize)]) {
        let mut starts = vec![0; units + 1];
        for unit in lists.iter().flat_map(|(list, _)| &list.units) {
            if let Some(next) = starts.get_mut(*unit as usize + 1) {
                *next += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        self.set_starts(starts);
        for (list, first) in lists {
            for image in 0..list.len() {
                let (values, units) = list.of(image);
                for (value, unit) in values.iter().zip(units) {
                    let unit = *unit as usize;
                    let (Some(start), Some(count)) = (self.starts.get(unit), self.counts.get_mut(unit))
                    else {
                        continue;
                    };
                    let place = start + *count as usize;
                    if let (Some(to), Some(row)) = (self.values.get_mut(place), self.rows.get_mut(place)) {
                        (*to, *row) = (*value, (first + image) as u32);
                    }
                    *count += 1;
                }
            }
        }
    }
}

impl Task<'_> {
    /// The units' places in use, one after the other.
    pub(super) fn units(&mut self) -> impl Iterator<Item = Places<'_>> {
        let Self { first, starts, counts, values, rows, deltas } = self;
        let (mut values, mut rows, mut deltas) = (&mut values[..], &mut rows[..], &mut deltas[..]);
        let lens = starts.windows(2).map(|ends| ends[1] - ends[0]);
        (*first..).zip(counts.iter_mut().zip(lens)).map(move |(unit, (count, len))| {
            let used = *count as usize;
            let mut part = (take(&mut values, len), take(&mut rows, len), take(&mut deltas, len));
            Places {
                unit,
                count,
                values: take(&mut part.0, used),
                rows: take(&mut part.1, used),
                deltas: take(&mut part.2, used),
            }
        })
    }
}

/// The survivors of each image, in the order of the units.
#[derive(Default)]
pub(super) struct ByImage {
    starts: Vec<usize>,
    units: Vec<u32>,
    values: Vec<f32>,
}

impl ByImage {
    /// Transposes the units' lists of survivors to lists for each image.
    pub(super) fn fill(&mut self, images: usize, lists: &Lists) {
        let all = || {
            (0u32..).zip(lists.iter()).flat_map(|(unit, list)| {
                list.rows.iter().zip(list.values).map(move |(image, value)| (*image, unit, *value))
            })
        };
        self.sort(images, all);
    }

    /// Puts survivors, an image, a unit and a value each, into the images' lists. In a list, they are in the
    /// order in which they come.
    pub(super) fn sort<I: Iterator<Item = (u32, u32, f32)>>(&mut self, images: usize, all: impl Fn() -> I) {
        self.starts.clear();
        self.starts.resize(images + 1, 0);
        for (image, _, _) in all() {
            if let Some(next) = self.starts.get_mut(image as usize + 1) {
                *next += 1;
            }
        }
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        self.units.resize(sum, 0);
        self.values.resize(sum, 0.0);
        let mut next = self.starts.clone();
        for (image, unit, value) in all() {
            let Some(place) = next.get_mut(image as usize) else { continue };
            if let (Some(to), Some(at)) = (self.values.get_mut(*place), self.units.get_mut(*place)) {
                (*to, *at) = (value, unit);
            }
            *place += 1;
        }
    }

    /// How many images there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The values and the units of an image.
    pub(super) fn of(&self, image: usize) -> (&[f32], &[u32]) {
        let (start, end) = match self.starts.get(image..image + 2) {
            Some([start, end]) => (*start, *end),
            _ => (0, 0),
        };
        (self.values.get(start..end).unwrap_or_default(), self.units.get(start..end).unwrap_or_default())
    }

    /// All values, image by image.
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Leaves those out that are not kept; `keeps` is asked image by image, with the place in the image's
    /// list, the place among all, and the value.
    pub(super) fn retain(&mut self, keeps: impl Fn(usize, usize, usize, f32) -> bool + Sync) {
        let images: Vec<usize> = (0..self.len()).collect();
        let this = &*self;
        let kept: Vec<Vec<(u32, f32)>> = images
            .into_par_iter()
            .map(|image| {
                let (values, units) = this.of(image);
                let start = this.starts.get(image).copied().unwrap_or(0);
                let all = values.iter().zip(units).enumerate();
                let kept = all.filter(|(place, (value, _))| keeps(image, *place, start + place, **value));
                kept.map(|(_, (value, unit))| (*unit, *value)).collect()
            })
            .collect();
        self.units.clear();
        self.values.clear();
        self.starts.clear();
        self.starts.push(0);
        for image in kept {
            self.units.extend(image.iter().map(|(unit, _)| *unit));
            self.values.extend(image.iter().map(|(_, value)| *value));
            self.starts.push(self.units.len());
        }
    }
}

/// Takes up to `len` elements off the front.
pub(super) fn take<'a, T>(rest: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    let len = len.min(rest.len());
    let (taken, more) = std::mem::take(rest).split_at_mut_checked(len).unwrap_or_default();
    *rest = more;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> (ByImage, Vec<(u32, u32, f32)>) {
        let all: Vec<(u32, u32, f32)> =
            (0..60u32).map(|unit| (unit * 7 % 5, unit, unit as f32 + 0.5)).filter(|s| s.1 % 4 > 0).collect();
        let mut by_image = ByImage::default();
        by_image.sort(6, || all.iter().copied());
        (by_image, all)
    }

    #[test]
    fn lists_of_images_and_of_units_are_each_others_reverse() {
        let (by_image, all) = filled();
        assert_eq!(by_image.len(), 6);
        assert_eq!(by_image.of(5), (&[][..], &[][..]), "an image without survivors");
        let mut lists = Lists::default();
        lists.fill(60, &by_image);
        for (unit, list) in lists.iter().enumerate() {
            let expected: Vec<_> = all.iter().filter(|s| s.1 as usize == unit).collect();
            assert_eq!(list.values, expected.iter().map(|s| s.2).collect::<Vec<_>>());
            assert_eq!(list.rows, expected.iter().map(|s| s.0).collect::<Vec<_>>());
        }
        let mut again = ByImage::default();
        again.fill(6, &lists);
        for image in 0..6 {
            assert_eq!(again.of(image), by_image.of(image));
        }
        // A second list comes behind the first, with rows of its own.
        lists.append(60, &[(&by_image, 0), (&by_image, 100)]);
        assert_eq!(lists.of(1).rows, [2, 102]);
        assert_eq!(lists.counts().iter().sum::<u32>() as usize, 2 * all.len());
        let units: Vec<usize> = lists
            .tasks()
            .iter_mut()
            .flat_map(|task| task.units().map(|places| places.unit).collect::<Vec<_>>())
            .collect();
        assert_eq!(units, (0..60).collect::<Vec<_>>());
    }

    #[test]
    fn those_that_are_not_kept_are_left_out() {
        let (mut by_image, all) = filled();
        by_image.retain(|image, place, index, value| {
            assert_eq!(by_image_value(&all, image, place), value);
            assert!(index < all.len());
            image != 2 && place > 0
        });
        assert_eq!(by_image.of(2).0.len(), 0);
        assert_eq!(by_image.of(0).0[0], by_image_value(&all, 0, 1));
        assert_eq!(by_image.len(), 6);
    }

    fn by_image_value(all: &[(u32, u32, f32)], image: usize, place: usize) -> f32 {
        all.iter().filter(|s| s.0 as usize == image).nth(place).unwrap().2
    }
}
