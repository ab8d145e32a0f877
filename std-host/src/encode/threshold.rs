//! The thresholds of a dictionary's units.

/// Sets the activations to 0 that do not exceed their unit's threshold, of codes one after the other.
pub(super) fn cut_at(thresholds: &[f32], codes: &mut [f32]) {
    for code in codes.chunks_exact_mut(thresholds.len().max(1)) {
        let places = code.iter_mut().zip(thresholds);
        places.for_each(|(value, least)| *value = if *value > *least { *value } else { 0.0 });
    }
}
