//! Descriptions from C that describe nothing, or more than any memory holds: numbers from 0 to `SIZE_MAX`.
//! Each call returns, without an overflow (a debug build would panic), and writes nothing outside its memory.

#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "calls as C makes them: every buffer is as long as its call says, or the call refuses it first"
)]

use std::ptr::null_mut;

use wta_c::wta_status::*;
use wta_c::*;
use wta_core::Random;

const CASES: u64 = if cfg!(miri) { 50 } else { 20_000 };
/// Words of memory for each call, and of what must stay behind them.
const WORDS: usize = 64;
const FENCE: [u32; 4] = [0xfe9c_e5ed; 4];

fn number(random: &mut Random) -> usize {
    let bit = random.below(usize::BITS);
    match random.below(12) {
        0 => 1 << bit,
        1 => (1 << bit) - 1,
        2 => usize::MAX / (1 + random.below(500) as usize),
        3 => usize::MAX - random.below(20) as usize,
        4 => random.next_u64() as usize,
        // Most are small, or hardly a description would be one.
        _ => random.below(8) as usize,
    }
}

fn size(random: &mut Random) -> wta_size {
    wta_size { height: number(random), width: number(random) }
}

fn network(random: &mut Random) -> wta_network {
    let dense = random.below(2) == 0;
    let one = wta_size { height: 1, width: 1 };
    let side = |random: &mut Random| if dense { one } else { size(random) };
    let input = side(random);
    let mut network = wta_network {
        input: wta_shape { channels: number(random), height: input.height, width: input.width },
        depth: number(random),
        decoder_kernel: side(random),
        tied: random.below(2) == 0,
        ..wta_network::default()
    };
    network.layers.fill_with(|| wta_layer {
        maps: number(random),
        kernel: side(random),
        stride: side(random),
    });
    network
}

fn training(random: &mut Random) -> wta_training {
    let mut training = wta_training::default();
    assert_eq!(unsafe { wta_training_defaults(&mut training) }, WTA_OK);
    (training.keep, training.method) = (random.below(4), random.below(3));
    (training.batch, training.per_sample) = (number(random), number(random));
    training.lifetime_rate = f32::from_bits(random.below(u32::MAX));
    training.steps = number(random) as u64;
    training
}

/// Calls with memory for a few words; it refuses them or uses these alone.
fn with_memory(call: impl FnOnce(&mut [u32]) -> wta_status) -> wta_status {
    let mut memory = [0xdead_beef; WORDS + FENCE.len()];
    memory[WORDS..].copy_from_slice(&FENCE);
    let status = call(&mut memory[..WORDS]);
    assert_eq!(memory[WORDS..], FENCE);
    status
}

#[test]
fn networks_and_trainings() {
    let mut random = Random::new(18);
    let (mut networks, mut trained) = (0, 0);
    for seed in 0..CASES {
        let (network, training) = (network(&mut random), training(&mut random));
        let parameters = unsafe { wta_parameters_len(&network) };
        networks += u64::from(parameters > 0);
        let lens =
            unsafe { (wta_train_bytes(&network, &training), wta_train_units_bytes(&network, &training)) };
        for (bytes, units) in [(lens.0, false), (lens.1, true)] {
            assert!(bytes == 0 || bytes / 4 >= parameters);
            let mut trainer = wta_trainer { words: [0; WTA_TRAINER_WORDS] };
            let status = with_memory(|memory| unsafe {
                let (len, memory) = (size_of_val(memory), memory.as_mut_ptr().cast());
                if units {
                    wta_train_units_init(&mut trainer, &network, &training, seed, memory, len)
                } else {
                    wta_train_init(&mut trainer, &network, &training, seed, memory, len)
                }
            });
            assert!(status != WTA_OK || (1..=4 * WORDS).contains(&bytes));
            trained += u64::from(status == WTA_OK);
        }
        let pooling =
            wta_pooling { kernel: size(&mut random), stride: size(&mut random), ..Default::default() };
        let mut model = wta_model { words: [0; WTA_MODEL_WORDS] };
        let values = [0.0; WORDS];
        let status = unsafe {
            let len = if parameters <= WORDS { parameters } else { WORDS };
            wta_model_of_parameters(&mut model, &network, &pooling, 1.0, values.as_ptr(), len)
        };
        assert!(status != WTA_OK || parameters <= WORDS);
        let _ = unsafe { (wta_encode_bytes(&model), wta_int8_bytes(&model), wta_novelty_bytes(&model)) };
    }
    // Some are descriptions.
    assert!(networks > CASES / 50);
    assert!(cfg!(miri) || trained > 0);
}

#[test]
fn learners_and_detectors() {
    let mut random = Random::new(19);
    let (mut learners, mut detectors) = (0, 0);
    for _ in 0..CASES {
        let mut learner = wta_learner::default();
        let (features, classes) = (number(&mut random), number(&mut random));
        let _ = unsafe { wta_learner_defaults(&mut learner, random.below(3), features, classes) };
        let bytes = unsafe { wta_learner_bytes(&learner) };
        let status = with_memory(|memory| unsafe {
            wta_learner_begin(&learner, memory.as_mut_ptr().cast(), size_of_val(memory))
        });
        assert!(status != WTA_OK || bytes <= 4 * WORDS);
        learners += u64::from(status == WTA_OK);

        let mut settings = wta_detector_settings::default();
        let (window, channels, units) = (number(&mut random), number(&mut random), number(&mut random));
        let made = unsafe { wta_detector_defaults(&mut settings, window, channels, units) };
        if random.below(4) > 0 {
            (settings.kernel, settings.hop) = (number(&mut random), number(&mut random));
            (settings.batch, settings.steps) = (number(&mut random), number(&mut random) as u32);
            (settings.conditioning, settings.calibration) = (u32::MAX, number(&mut random) as u32);
            settings.false_alarms = random.uniform();
        }
        let bytes = unsafe { wta_detector_bytes(&settings) };
        let state = unsafe { wta_detector_state_bytes(&settings) };
        assert!(bytes == 0 || state > 0);
        let mut detector = wta_detector { words: [0; WTA_DETECTOR_WORDS] };
        let status = with_memory(|memory| unsafe {
            let (len, memory) = (size_of_val(memory), memory.as_mut_ptr().cast());
            if settings.kernel == 0 {
                wta_detector_init(&mut detector, &settings, memory, len)
            } else {
                wta_detector_init_convolutional(&mut detector, &settings, memory, len)
            }
        });
        assert!(status != WTA_OK || (1..=4 * WORDS).contains(&bytes));
        detectors += u64::from(made == WTA_OK && bytes > 0);
    }
    assert!(learners > 0 && (cfg!(miri) || detectors > 0));
}

#[test]
fn images_of_absurd_lengths() {
    let (network, training) = unsafe {
        let mut training = wta_training::default();
        let one = wta_size { height: 1, width: 1 };
        let mut network = wta_network {
            input: wta_shape { channels: 2, height: 1, width: 1 },
            depth: 1,
            decoder_kernel: one,
            ..wta_network::default()
        };
        network.layers[0] = wta_layer { maps: 2, kernel: one, stride: one };
        assert_eq!(wta_training_defaults(&mut training), WTA_OK);
        training.batch = 2;
        (network, training)
    };
    let mut random = Random::new(20);
    let pixels = [1u8; 8];
    for _ in 0..CASES {
        let mut trainer = wta_trainer { words: [0; WTA_TRAINER_WORDS] };
        let (count, stride) = (number(&mut random), number(&mut random));
        // As many pixels as there are: that is the caller's to say truly.
        let len = (number(&mut random)).min(pixels.len());
        let images = wta_images {
            pixels: pixels.as_ptr(),
            len,
            stride,
            row: None,
            context: null_mut(),
            samples: std::ptr::null(),
            kind: WTA_UINT8,
        };
        let status = with_memory(|memory| unsafe {
            let (len, memory) = (size_of_val(memory), memory.as_mut_ptr().cast());
            assert_eq!(wta_train_init(&mut trainer, &network, &training, 1, memory, len), WTA_OK);
            wta_train_step(&mut trainer, &images, count, null_mut())
        });
        let stride = if stride == 0 { 2 } else { stride };
        assert_eq!(status == WTA_OK, count == 2 && stride.saturating_add(2) <= len);
    }
}
