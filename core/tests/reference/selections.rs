//! Selections: exact, ties included.

use wta_core::{Conv, Cut, Kernels, Network, Selection, Shape, Size, Sparsity, select, spatial, survivors};

use super::fixture::{Fixture, swap_axes};

/// 1 for what lives, 0 else: the core's selections leave nothing but positive survivors.
fn active(values: &[f32]) -> Vec<f32> {
    values.iter().map(|value| f32::from(*value > 0.0)).collect()
}

pub(crate) fn check_spatial(kernels: impl Kernels, fixture: &Fixture) {
    let (batch, shape, grid) =
        (fixture.count("batch"), fixture.maps(fixture.count("maps"), "map"), fixture.size("grid"));
    let (mut found_values, mut found_positions) = (Vec::new(), Vec::new());
    for code in fixture.tensor("x").channels_last().chunks_exact(shape.len()) {
        let len = grid.area() * shape.channels;
        // Whatever is in the buffers before must not matter.
        let (mut values, mut positions) = (vec![9.0; len], vec![999; len]);
        spatial(kernels, shape, grid, code, &mut values, &mut positions);
        found_values.extend(values);
        found_positions.extend(positions);
    }
    let windows_last = |values: &[f32]| swap_axes(values, batch, grid.area(), shape.channels);
    fixture.expect_exact("value", &windows_last(&found_values));
    fixture.expect_exact("active", &windows_last(&active(&found_values)));
    // The position of what is not active means nothing.
    let positions = swap_axes(&found_positions, batch, grid.area(), shape.channels);
    let expected = fixture.tensor("position").values.iter().zip(&fixture.tensor("active").values);
    for (index, (found, (expected, active))) in positions.iter().zip(expected).enumerate() {
        assert!(*active == 0.0 || f64::from(*found) == *expected, "{fixture}: position[{index}]");
    }
}

pub(crate) fn check_lifetime(kernels: impl Kernels, fixture: &Fixture) {
    let (batch, maps, windows) = (fixture.count("batch"), fixture.count("maps"), fixture.count("windows"));
    let (rate, k) = (fixture.number("lifetime_rate"), fixture.count("k"));
    assert_eq!(survivors(rate, batch * windows), k, "{fixture}: k");
    let image = Shape::new(1, 1, windows);
    let network = Network::convolutional(image, &[Conv::new(maps, Size::ONE)], Size::ONE).unwrap();
    let sparsity = Sparsity { grid: Size::new(1, windows), selection: Selection::Lifetime { rate } };
    let mut values = fixture.tensor("value").channels_last();
    let mut cuts = vec![Cut { threshold: f32::NAN, ties_below: 9 }; maps];
    select(kernels, &network, &sparsity, &mut values, &mut cuts).unwrap();
    let result = swap_axes(&values, batch, windows, maps);
    fixture.expect_exact("result", &result);
    fixture.expect_exact("active", &active(&result));
    expect_kept(fixture, "value", k * maps);
}

pub(crate) fn check_k_sparse(kernels: impl Kernels, fixture: &Fixture) {
    let (batch, units, count) = (fixture.count("batch"), fixture.count("units"), fixture.count("k"));
    let network = Network::fully_connected(1, &[units]).unwrap();
    let sparsity = Sparsity { grid: Size::ONE, selection: Selection::PerSample { count } };
    let mut values = fixture.tensor("x").plain();
    select(kernels, &network, &sparsity, &mut values, &mut []).unwrap();
    fixture.expect_exact("result", &values);
    fixture.expect_exact("active", &active(&values));
    expect_kept(fixture, "x", count * batch);

    // `position` and `value` list what is kept; zeros among them are not active.
    let listed = fixture.tensor("position").values.iter().zip(&fixture.tensor("value").values);
    let mut expected = vec![0.0; values.len()];
    for (index, (position, value)) in listed.enumerate() {
        expected[index / count * units + *position as usize] = *value as f32;
    }
    assert_eq!(values, expected, "{fixture}: value by position");
}

/// What is kept with a value above 0 is what is active: the fixture's own definition, so that `kept` is
/// covered.
fn expect_kept(fixture: &Fixture, from: &str, count: usize) {
    let kept = &fixture.tensor("kept").values;
    assert_eq!(kept.iter().sum::<f64>() as usize, count, "{fixture}: how many are kept");
    let active = kept.iter().zip(&fixture.tensor(from).values).map(|(kept, v)| kept * f64::from(*v > 0.0));
    assert!(active.eq(fixture.tensor("active").values.iter().copied()), "{fixture}: kept and active");
}
