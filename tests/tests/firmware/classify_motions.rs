//! The board tells motions apart by six axes of a sensor, in 8 bits with its DSP instructions, as the host
//! does with the portable kernels.

use std::time::Duration;

use wta_core::int8::Portable;
use wta_core::{Int8Pipeline, Model};

use crate::board::{assert_same_bits, board};
use crate::motions;

#[path = "../../firmware/src/workload/classify_motions.rs"]
mod workload;

/// What the board has in flash.
#[allow(clippy::module_inception, reason = "the name under which it was exported")]
mod model {
    include!("../../../fixtures/models/motions.rs");
}

#[test]
fn a_microcontroller_tells_motions_apart_with_the_hosts_scores() {
    let Some(board) = board() else { return };
    let report = board.run("classify_motions", Duration::from_secs(300));

    // The file, which C programs take.
    let file = std::fs::read(std::path::Path::new(crate::FIXTURES).join("models/motions.wta")).unwrap();
    assert!(file == model::MODEL, "fixtures/models/motions.wta is not the model of motions.rs");
    let len = Int8Pipeline::<Portable>::memory_len(&Model::parse(model::MODEL).unwrap());
    assert_eq!(len, model::INT8_PIPELINE_LEN);
    let (mut scores, mut classes, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let mut memory = vec![0; len];
    workload::classify(Portable, model::MODEL, &motions::windows(), &mut memory, |class, name, found| {
        assert_eq!(name, model::CLASS_NAMES[class]);
        classes.push(class as u64);
        names.push(name.to_owned());
        scores.extend(found);
    })
    .unwrap();
    assert_same_bits("scores", &report.floats("scores"), &scores);
    assert_eq!(report.numbers("class"), classes);
    assert_eq!(report.texts("motion"), names);
    // The test windows are ten of each motion, one motion after the other.
    let right = classes.iter().enumerate().filter(|(index, class)| *index as u64 / 10 == **class).count();
    assert!(classes.len() == 40 && right >= 38, "{right} of {} windows are right", classes.len());
}
