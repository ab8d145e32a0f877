//! The state of a run in words: the lines of the live view's head, and the snapshot that is printed.

use std::time::Duration;

use super::state::{Layer, Life, State};
use crate::print::one_line;

/// The state as plain text, a line for each thing that is known.
pub(crate) fn snapshot(state: &State, life: &Life) -> String {
    let mut lines = vec![format!("run: {}", one_line(&state.run.folder().display().to_string()))];
    let current = state.layers.get(state.current());
    lines.extend(current.map(|layer| format!("recipe: {}", layer_name(state, layer))));
    lines.push(format!("state: {}", life_in_words(life)));
    if let Some(layer) = current {
        lines.push(format!("epoch: {}", epoch(layer)));
        lines.extend(progress(state, life).map(|text| format!("progress: {text}")));
        lines.extend(measures(layer).into_iter().map(|(name, text)| format!("{name}: {text}")));
        lines.extend(speed(state, layer).map(|text| format!("speed: {text}")));
        lines.extend(left(state, life).map(|text| format!("time left: {text}")));
    }
    lines.join("\n") + "\n"
}

/// The recipe's name; of a stack, which layer it is.
pub(super) fn layer_name(state: &State, layer: &Layer) -> String {
    let index = state.layers.iter().position(|other| std::ptr::eq(other, layer)).unwrap_or(0);
    let name = one_line(layer.name());
    match state.layers.len() {
        0 | 1 => name,
        layers => format!("{name} (layer {} of {layers})", index + 1),
    }
}

/// `3 of 20`.
pub(super) fn epoch(layer: &Layer) -> String {
    format!("{} of {}", layer.epochs.last().map_or(0, |row| row.epoch), layer.epochs_in_all())
}

/// What the training is doing.
pub(super) fn life_in_words(life: &Life) -> String {
    match life {
        Life::Training => "training".to_owned(),
        Life::Finished => "finished".to_owned(),
        Life::Interrupted => "interrupted; `wta train --resume` goes on with it".to_owned(),
        Life::Failed(problem) => format!("failed: {}", one_line(problem)),
        Life::Silent(quiet) => format!("no sign of life for {}", duration(*quiet)),
        Life::Unrecorded => "a model without a record of its training".to_owned(),
    }
}

/// `train fc2000, 120 of 2000 (6%)`, while the training goes on or where it ended.
pub(super) fn progress(state: &State, life: &Life) -> Option<String> {
    let phase = state.phase().filter(|_| *life != Life::Finished)?;
    let name = one_line(phase.name);
    Some(match phase.total {
        0 if phase.done == 0 => name,
        0 => format!("{name}, {}", phase.done),
        total => {
            let share = 100.0 * phase.done.min(total) as f64 / total as f64;
            format!("{name}, {} of {total} ({share:.0}%)", phase.done)
        }
    })
}

/// The figures of the last epoch, each with its name.
pub(super) fn measures(layer: &Layer) -> Vec<(&'static str, String)> {
    let Some(row) = layer.epochs.last() else { return Vec::new() };
    let percent = |share: f64| format!("{:.1}%", 100.0 * share);
    let held_out = |text: String, held_out: Option<String>| match held_out {
        Some(held_out) => format!("{text}, held out {held_out}"),
        None => text,
    };
    let mut all = Vec::new();
    all.push((
        "loss",
        held_out(format!("{:.4}", row.loss), row.held_out_loss.map(|loss| format!("{loss:.4}"))),
    ));
    all.extend(
        row.unexplained
            .map(|share| ("unexplained", held_out(percent(share), row.held_out_unexplained.map(percent)))),
    );
    all.extend(row.active.map(|active| {
        ("active", held_out(format!("{active:.1}"), row.held_out_active.map(|active| format!("{active:.1}"))))
    }));
    all.push(("dead atoms", held_out(percent(row.dead_share), row.held_out_dead_share.map(percent))));
    all.push(("rate", format!("{:e}", row.rate as f32)));
    all
}

/// `2.3 s an epoch, 26087 samples/s`, as far as it is known.
pub(super) fn speed(state: &State, layer: &Layer) -> Option<String> {
    let epoch = layer.seconds_of_an_epoch().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let epoch = epoch.map(|epoch| format!("{} an epoch", duration(epoch)));
    let samples = state.samples_per_second(layer).map(|speed| format!("{speed:.0} samples/s"));
    let known: Vec<String> = epoch.into_iter().chain(samples).collect();
    (!known.is_empty()).then(|| known.join(", "))
}

/// The time that the layer in training has left.
pub(super) fn left(state: &State, life: &Life) -> Option<String> {
    if *life != Life::Training {
        return None;
    }
    let left = duration(state.left()?);
    Some(if state.layers.len() > 1 { format!("{left} for this layer") } else { left })
}

/// `4.2 s`, `1 min 20 s`, `2 h 5 min`, `3 d 4 h`.
fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_units_at_most() {
        for (seconds, text) in [
            (0.04, "0.0 s"),
            (4.21, "4.2 s"),
            (59.9, "59 s"),
            (80.0, "1 min 20 s"),
            (7_530.0, "2 h 5 min"),
            (277_000.0, "3 d 4 h"),
        ] {
            assert_eq!(duration(Duration::from_secs_f64(seconds)), text);
        }
        assert!(duration(Duration::MAX).ends_with(" h"));
    }
}
