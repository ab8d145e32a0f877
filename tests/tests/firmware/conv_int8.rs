//! Quantised convolutions by DSP instructions: the portable results, in fewer instructions than CMSIS-NN
//! takes.

use std::time::Duration;

use wta_core::int8::Portable;

use crate::board::board;

#[path = "../../firmware/src/workload/conv_int8.rs"]
#[allow(dead_code, reason = "the small layers are compared on the board")]
mod workload;

#[test]
fn a_microcontroller_convolves_in_8_bits_as_the_host_does() {
    let Some(board) = board() else { return };
    let report = board.run("conv_int8", Duration::from_secs(300));
    let mut memory = Box::new(workload::Memory::new());
    let expected = (1..).zip(&workload::MEASURED).map(|(seed, network)| {
        let checksum = memory.checksum(Portable, network, seed, |layer| layer()).unwrap();
        u64::from(checksum)
    });
    assert_eq!(report.numbers("checksum"), expected.collect::<Vec<_>>());
    assert_eq!(report.number("compared"), 300, "layers of random shapes, by DSP instructions and portably");
    // Of each layer by DSP instructions, portably, and in f32. CMSIS-NN takes 1,990,280 and 10,424,920.
    let [narrow, _, _, wide, _, _] = report.numbers("instructions")[..] else {
        panic!("six counts");
    };
    assert!(narrow <= 1_500_000 && wide <= 8_300_000, "{narrow}, {wide}");
}
