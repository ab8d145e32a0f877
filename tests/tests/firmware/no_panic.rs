//! Programs whose panics are reachable do not link; that the others link shows that theirs are not.

use wta_tests::run;

use crate::board::board;

#[test]
fn a_program_that_can_panic_does_not_link() {
    let Some(board) = board() else { return };
    let mut cargo = board.cargo_build();
    cargo.args(["--features", "panics", "--bin", "panics"]);
    let built = run(cargo).unwrap();
    assert!(!built.success(), "it linked:\n{}", built.output);
    assert!(built.output.contains("wta_a_panic_is_linked"), "{}", built.output);
}
