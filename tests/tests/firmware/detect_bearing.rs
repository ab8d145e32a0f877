//! The board learns what a motor's normal vibration is, in 48 KB of RAM, and tells three faults of its
//! bearing with the host's scores.

use std::time::Duration;

use crate::bearing::samples;
use crate::board::{assert_same_bits, board};

#[path = "../../firmware/src/workload/detect_bearing.rs"]
mod workload;

/// The recordings in the order of the program, by its names.
const RECORDINGS: [(&str, &str); 4] =
    [("normal", "normal"), ("inner", "inner_7"), ("ball", "ball_7"), ("outer", "outer_7")];

/// The area under the ROC curve: how often a fault's score is above a normal one.
fn area(normal: &[f32], fault: &[f32]) -> f64 {
    let mut wins = 0.0;
    for fault in fault {
        wins += normal.iter().filter(|normal| fault > normal).count() as f64;
        wins += 0.5 * normal.iter().filter(|normal| fault == *normal).count() as f64;
    }
    wins / (normal.len() * fault.len()) as f64
}

/// What the host finds: the threshold, and each recording's scores.
fn on_the_host() -> (f32, Vec<Vec<f32>>) {
    let mut memory = workload::Bearing::new();
    let mut detector = memory.detector().unwrap();
    let normal = samples("normal");
    workload::learn(&mut detector, &normal).unwrap();
    let threshold = detector.threshold().unwrap();
    let scores = RECORDINGS.map(|(_, file)| {
        let recording = samples(file);
        let recording = if file == "normal" { workload::not_seen(&recording) } else { &recording };
        workload::settle(&mut detector, &normal).unwrap();
        let mut scores = Vec::new();
        workload::watch(&mut detector, recording, |score| scores.push(score)).unwrap();
        scores
    });
    (threshold, scores.into())
}

#[test]
fn a_microcontroller_learns_a_bearings_normal_vibration_and_tells_its_faults() {
    let Some(board) = board() else { return };
    let report = board.run("detect_bearing", Duration::from_secs(300));

    let (threshold, here) = on_the_host();
    assert_same_bits("threshold", &report.floats("threshold"), &[threshold]);
    for ((name, _), here) in RECORDINGS.iter().zip(&here) {
        assert_same_bits(name, &report.floats(name), here);
    }
    let normal = report.floats("normal");
    assert!(normal.len() > 200, "{} normal windows", normal.len());
    for name in ["inner", "ball", "outer"] {
        let area = area(&normal, &report.floats(name));
        assert!(area >= 0.995, "{name}: {area}");
    }
    let [above, alarms, first] = ["above", "alarms", "first"].map(|name| report.numbers(name));
    let false_alarms = above[0] as f64 / normal.len() as f64;
    assert!(false_alarms <= 0.025, "{false_alarms} of the normal windows are above the threshold");
    assert_eq!(alarms[0], 0, "an event on normal windows");
    for ((name, _), (alarms, first)) in RECORDINGS.iter().zip(alarms.iter().zip(&first)).skip(1) {
        assert!(*alarms > 0 && *first <= 4, "{name}: {alarms} alarms, the first after {first} windows");
    }
    assert!(report.ram() <= 48 * 1024, "{} bytes of RAM with the stack", report.ram());
}
