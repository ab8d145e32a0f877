//! Patches first, then larger images: a network is trained on patches, applied to whole pictures, and stacked
//! on.

use std::fs;

use crate::support::{Folder, wta};

const PATCHES: &str = r#"
about = "for the tests"
network = { kind = "convolutional", encoder = [{ maps = 4, kernel = 3 }, { maps = 6, kernel = 3 }], decoder_kernel = 5, initial = "he" }
sparsity = { lifetime = 0.5 }
training = { epochs = 1, batch = 20, optimizer = "adam", rate = 1e-3 }
preprocess = [{ step = "zca", regulariser = 0.1 }]
data = { set = "images", folder = "pictures", size = 9, patches = 200, test_share = 0.25 }
"#;

const WHOLE: &str = r#"
name = "whole"
about = "for the tests"
network = { kind = "convolutional", encoder = [{ maps = 5, kernel = 3 }], decoder_kernel = 3, initial = "he" }
sparsity = { lifetime = 0.5 }
training = { epochs = 2, batch = 2, optimizer = "adam", rate = 1e-3 }
preprocess = [{ step = "zca", regulariser = 0.1 }]
data = { set = "images", folder = "pictures", size = [30, 42], test_share = 0.25 }
large = { stride = 2, pool = { kernel = 3, stride = 2, whole = true } }
"#;

/// Eight colour pictures of 40 x 50 pixels: lines, edges and noise.
fn pictures(folder: &Folder) -> String {
    let data = folder.path("data");
    fs::create_dir_all(format!("{data}/pictures")).unwrap();
    let mut random = wta_core::Random::stream(7, 0);
    for index in 0..8usize {
        let mut file = b"P6\n50 40\n255\n".to_vec();
        for place in 0..2000usize {
            let (y, x) = (place / 50, place % 50);
            for colour in 0..3usize {
                let wave = (y * (index % 3 + 1) + x * (index % 4) + colour) / 6 % 2;
                file.push((60 + 120 * wave as u32 + random.below(40)) as u8);
            }
        }
        fs::write(format!("{data}/pictures/{index}.ppm"), file).unwrap();
    }
    data
}

/// The numbers of a `.npy` file of float32, and its dimensions as they are printed.
fn numbers(path: &str) -> Vec<f32> {
    let bytes = fs::read(path).unwrap();
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[header..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

#[test]
fn a_network_of_patches_encodes_pictures_of_any_size() {
    let folder = Folder::new();
    let (data, run, out) = (pictures(&folder), folder.path("run"), folder.path("out.npy"));
    let recipe = folder.write("patches.toml", &format!("name = \"patches\"{PATCHES}"));
    wta(&["train", &recipe, "--data", &data, "--run", &run]).succeeds();
    let encode = |more: &[&str]| {
        let images = format!("{data}/pictures");
        let images = if more.contains(&"--images") { vec![] } else { vec!["--images", &images] };
        let arguments = [&["encode", "--run", &run, "--out", &out][..], &images, more].concat();
        let dimensions = wta(&arguments).succeeds().value_after(&format!("{out}: "));
        (dimensions, numbers(&out))
    };
    let (dimensions, dense) = encode(&["--pool", "none"]);
    assert!(dimensions.starts_with("[8, 6, 40, 50]"), "{dimensions}");
    assert!(dense.iter().any(|v| *v > 0.0));
    // Every third row and column of the same maps.
    let (dimensions, strided) = encode(&["--pool", "none", "--stride", "3"]);
    assert!(dimensions.starts_with("[8, 6, 14, 17]"), "{dimensions}");
    let largest = dense.iter().fold(0.0f32, |a, b| a.max(*b));
    for (place, v) in strided.iter().enumerate() {
        let (map, y, x) = (place / (14 * 17), place / 17 % 14, place % 17);
        let same = dense[map * 2000 + 3 * y * 50 + 3 * x];
        assert!((v - same).abs() <= 1e-4 * largest, "map {map}, {y}, {x}: {v}, not {same}");
    }
    let (dimensions, cut) = encode(&["--stride", "2", "--pool", "4/3"]);
    assert!(dimensions.starts_with("[8, 6, 7, 9]"), "{dimensions}");
    let (dimensions, whole) = encode(&["--stride", "2", "--pool", "4/3,whole"]);
    assert!(dimensions.starts_with("[8, 6, 6, 8]"), "{dimensions}");
    for (place, v) in whole.iter().enumerate() {
        let (map, y, x) = (place / 48, place / 8 % 6, place % 8);
        assert_eq!(*v, cut[map * 63 + y * 9 + x], "map {map}, {y}, {x}");
    }
    let (dimensions, _) = encode(&["--size", "16x24"]);
    assert!(dimensions.starts_with("[8, 6, 16, 24]"), "{dimensions}");
    // One picture is what it was among the others.
    let (_, one) = encode(&["--images", &format!("{data}/pictures/5.ppm"), "--pool", "none"]);
    assert_eq!(one, dense[5 * 6 * 2000..6 * 6 * 2000]);

    let fails = |more: &[&str], words: &str| {
        let arguments = [&["encode", "--run", &run, "--out", &out][..], more].concat();
        wta(&arguments).fails(words);
    };
    fails(&["--images", "/no/such/picture.png"], "is not there");
    fails(&["--images", &recipe], "is no picture");
    fails(&["--images", &data, "--size", "0"], "--size 0");
    fails(&["--images", &data, "--size", "8x"], "--size 8x");
    fails(&["--images", &data, "--pool", "99/1"], "pool");
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/images/nd_f4.npy");
    fails(&["--images", vectors], "has images of 1 channels, but the network takes 3");
}

#[test]
fn a_layer_learns_from_whole_pictures_what_patches_taught_the_one_below() {
    let folder = Folder::new();
    let (data, run, out) = (pictures(&folder), folder.path("run"), folder.path("out.npy"));
    let below: String = PATCHES.trim().lines().map(|line| format!("below.{line}\n")).collect();
    let recipe = folder.write("whole.toml", &format!("{WHOLE}below.name = \"patches\"\n{below}"));
    let train = |run: &str, more: &[&str]| {
        let arguments = [&["train", &recipe, "--data", &data, "--run", run][..], more].concat();
        wta(&arguments).succeeds().value_after("weights checksum: ")
    };
    let checksum = train(&run, &[]);
    let encoded =
        wta(&["encode", "--run", &run, "--data", &data, "--split", "train", "--out", &out]).succeeds();
    // 30 x 42 with a stride of 2, pooled 3/2 in whole windows.
    assert!(encoded.stdout.contains("[6, 5, 7, 10]"), "{encoded:?}");
    wta(&["show", "--run", &run, "--data", &data]).succeeds();
    assert!(folder.exists("run/dictionary.png"));
    assert_eq!(checksum, train(&folder.path("again"), &["--memory", "0", "--threads", "1"]));
    assert_eq!(checksum, train(&run, &["--resume"]), "finished is finished");
    // The layer below is a run of patches, like any other.
    let below = folder.path("run/below");
    let encoded =
        wta(&["encode", "--run", &below, "--data", &data, "--split", "test", "--out", &out]).succeeds();
    assert!(encoded.stdout.contains(", 6, 9, 9]"), "{encoded:?}");
}

/// A picture whose code is larger than the memory that is allowed is encoded in bands, and written part by
/// part.
#[cfg(target_os = "linux")]
#[test]
fn a_picture_larger_than_the_memory_is_encoded_in_bands() {
    use std::process::Command;
    let side = 2000;
    let folder = Folder::new();
    let (data, run) = (pictures(&folder), folder.path("run"));
    let recipe = r#"
name = "wide"
about = "for the tests"
network = { kind = "convolutional", encoder = [{ maps = 16, kernel = 5 }], decoder_kernel = 5, initial = "he" }
sparsity = { lifetime = 0.5 }
training = { epochs = 1, batch = 20, optimizer = "adam", rate = 1e-3 }
data = { set = "images", folder = "pictures", size = 9, patches = 40, test_share = 0.25 }
"#;
    let recipe = folder.write("wide.toml", recipe);
    wta(&["train", &recipe, "--data", &data, "--run", &run]).succeeds();
    let picture = folder.path("large.ppm");
    let mut file = format!("P6\n{side} {side}\n255\n").into_bytes();
    file.extend((0..3 * side * side).map(|place| ((place * 7 + place / 911 * 31) % 251) as u8));
    fs::write(&picture, file).unwrap();
    let limited = |kibibytes: u32, more: &[&str]| {
        let arguments = ["encode", "--run", &run, "--images", &picture, "--threads", "2"];
        // Less than a whole image's maps in the layers, the code and the file, of 0.26 GB and more each.
        let script = format!("ulimit -v {kibibytes} && exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_wta")]).args(arguments).args(more).output().unwrap()
    };
    let (all, pooled) = (folder.path("all.npy"), folder.path("pooled.npy"));
    for arguments in [&["--out", &all, "--pool", "none"][..], &["--out", &pooled, "--pool", "100/100"]] {
        let out = limited(900_000, arguments);
        assert_eq!(out.status.code(), Some(0), "{out:?}");
    }
    let (all, pooled) = (numbers(&all), numbers(&pooled));
    assert_eq!((all.len(), pooled.len()), (16 * side * side, 16 * 20 * 20));
    let largest = |window: usize| {
        let (map, y, x) = (window / 400, window / 20 % 20, window % 20);
        let row = |y: usize| &all[(map * side + y) * side + 100 * x..][..100];
        (100 * y..100 * y + 100).flat_map(row).fold(0.0f32, |a, b| a.max(*b))
    };
    for (window, found) in pooled.iter().enumerate() {
        assert_eq!(*found, largest(window), "{window}");
    }
    assert!(pooled.iter().any(|v| *v > 0.0));
    // What is held whole is refused in one sentence.
    let out = limited(400_000, &["--out", &folder.path("x.npy"), "--reconstruct"]);
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(1) && told.contains("of memory"), "{out:?}");
}
