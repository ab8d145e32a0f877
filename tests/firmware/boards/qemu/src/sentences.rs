//! One error of each kind, and networks: what the log says of them, compared by the host.

use wta_core::{Conv, Error, Network, Shape, Size, constant};

/// One of each kind.
pub(crate) const ERRORS: [Error; 6] = [
    Error::Invalid("a stride is at least 1"),
    Error::Length { what: "batch", expected: 4, found: 3 },
    Error::NotFinite { what: "image", index: 70_000 },
    Error::Diverged { index: 12 },
    Error::Model("this is no model.wta"),
    Error::BadImage { image: 3, index: 17, what: "is not a finite number" },
];

/// The place of a kind in [`ERRORS`]: a new kind does not compile before it has one.
pub(crate) const fn place(error: &Error) -> usize {
    match error {
        Error::Invalid(_) => 0,
        Error::Length { .. } => 1,
        Error::NotFinite { .. } => 2,
        Error::Diverged { .. } => 3,
        Error::Model(_) => 4,
        Error::BadImage { .. } => 5,
    }
}

const _: () = {
    let mut index = 0;
    while index < ERRORS.len() {
        assert!(place(&ERRORS[index]) == index);
        index += 1;
    }
};

/// Networks, and how the log has them.
pub(crate) const NETWORKS: [(Network, &str); 5] = [
    (constant!(Network::fully_connected(784, &[1000, 500])), "784-1000-500"),
    (constant!(constant!(Network::fully_connected(64, &[32])).tied()), "64-32 (tied)"),
    (
        constant!(Network::convolutional(
            Shape::new(1, 28, 28),
            &[Conv::new(8, Size::square(5)), Conv::new(8, Size::square(5))],
            Size::square(11),
        )),
        "1x28x28 8conv5-8conv5-8deconv11",
    ),
    (
        constant!(Network::convolutional(
            Shape::new(3, 32, 32),
            &[Conv::with_stride(16, Size::square(7), Size::square(2))],
            Size::square(7),
        )),
        "3x32x32 16conv7/2-16deconv7",
    ),
    (
        constant!(Network::convolutional(
            Shape::new(2, 1, 64),
            &[Conv::with_stride(4, Size::new(1, 9), Size::new(1, 2))],
            Size::new(1, 15),
        )),
        "2x1x64 4conv1x9/1x2-4deconv1x15",
    ),
];

/// Logs all of them.
#[cfg(target_os = "none")]
pub(crate) fn log() {
    for error in &ERRORS {
        defmt::info!("error: {}", error);
    }
    for (network, _) in &NETWORKS {
        defmt::info!("network: {}", network);
    }
}
