//! The board classifies real digits in 8 bits with its DSP instructions, as the host does with the portable
//! kernels.

use std::time::Duration;

use wta_core::int8::{Int8Extractor, Portable};

use crate::board::{assert_same_bits, board};
use crate::digits;

#[path = "../../firmware/src/workload/classify_int8.rs"]
mod workload;

const COUNT: usize = 200;

#[test]
fn a_microcontroller_classifies_digits_in_8_bits_with_the_hosts_scores() {
    let Some(board) = board() else { return };
    let report = board.run("classify_int8", Duration::from_secs(300));

    let (mut scores, mut expected) = (Vec::new(), Vec::new());
    let mut rows = vec![0; Int8Extractor::<Portable>::memory_len(&workload::NETWORK, &workload::POOL)];
    workload::classify(Portable, &digits::images("t10k", COUNT), &mut rows, |found| {
        scores.extend(found);
        expected.push(workload::largest(&found) as u64);
    })
    .unwrap();
    assert_same_bits("scores", &report.floats("scores"), &scores);
    let classes = report.numbers("class");
    assert_eq!(classes, expected);
    let labels = digits::labels("t10k", COUNT);
    let errors = classes.iter().zip(labels).filter(|(class, label)| **class != u64::from(*label)).count();
    assert_eq!(report.number("errors"), errors as u64);

    // What the same network says in f32: 99% of the labels at least.
    let in_f32 = board.run("classify_digits", Duration::from_secs(300)).numbers("class");
    let same = classes.iter().zip(&in_f32).filter(|(int8, f32)| int8 == f32).count();
    assert!((classes.len(), in_f32.len()) == (COUNT, COUNT) && 100 * same >= 99 * COUNT, "{same} of {COUNT}");
}
