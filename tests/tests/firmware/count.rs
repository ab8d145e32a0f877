//! What counts the programs' instructions counts right.

use std::time::Duration;

use crate::board::board;

#[test]
fn instructions_are_counted_from_the_start_and_over_several_wraps() {
    let Some(board) = board() else { return };
    let report = board.run("count", Duration::from_secs(120));
    assert_eq!(report.numbers("counted").len(), 3);
    let off = report.numbers("off");
    assert!(off.iter().all(|off| *off <= 200), "{off:?} of {:?}", report.numbers("counted"));
}
