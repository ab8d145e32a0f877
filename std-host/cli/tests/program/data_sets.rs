//! Data sets other than MNIST through the program: a tiny network is trained on each, encoded and classified.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Folder, wta};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/images").join(name)
}

/// A recipe on this `[data]` table, of two images a batch; returns its path.
fn recipe(folder: &Folder, name: &str, data: &str) -> String {
    let text = format!(
        r#"
name = "{name}"
about = "for the tests"
network = {{ kind = "convolutional", encoder = [{{ maps = 4, kernel = 3 }}], decoder_kernel = 3, initial = "he" }}
sparsity = {{}}
training = {{ epochs = 1, batch = 2, optimizer = "adam", rate = 1e-3 }}
[data]
{data}
"#
    );
    folder.write(&format!("{name}.toml"), &text)
}

/// A folder of a data set, with these copies of fixtures.
fn fill(folder: &Folder, files: &[(&str, &str)]) -> String {
    let data = folder.path("data");
    for (to, from) in files {
        let to = Path::new(&data).join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(fixture(from), to).unwrap();
    }
    data
}

/// Trains, and returns the dimensions of the encoded training images.
fn train(folder: &Folder, name: &str, table: &str, data: &str) -> String {
    let (recipe, run) = (recipe(folder, name, table), folder.path(&format!("{name}-run")));
    wta(&["train", &recipe, "--data", data, "--run", &run]).succeeds();
    let out = folder.path(&format!("{name}.npy"));
    let encoded =
        wta(&["encode", "--run", &run, "--data", data, "--split", "train", "--out", &out]).succeeds();
    encoded.value_after(&format!("{out}: "))
}

#[test]
fn cifar_10() {
    let folder = Folder::new();
    let data = folder.path("data");
    let home = format!("{data}/cifar-10-batches-bin");
    fs::create_dir_all(&home).unwrap();
    let record = |label: u8| {
        [vec![label], (0..3072u32).map(|i| (i * u32::from(label + 3) % 251) as u8).collect()].concat()
    };
    let records = |count: u8| (0..count).flat_map(|index| record(index % 10)).collect::<Vec<u8>>();
    for name in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]
    {
        fs::write(format!("{home}/{name}.bin"), records(20)).unwrap();
    }
    assert_eq!(train(&folder, "cifar", "set = 'cifar10'", &data), "[100, 4, 32, 32] float32");
    let run = folder.path("cifar-run");
    let eval = wta(&["eval", "--run", &run, "--data", &data]).succeeds();
    assert!(eval.stdout.contains("test error"), "{eval:?}");
    wta(&["show", "--run", &run, "--data", &data]).succeeds();
    assert!(folder.exists("cifar-run/dictionary.png"));
    fs::write(format!("{home}/data_batch_3.bin"), &records(2)[..4_000]).unwrap();
    let recipe = folder.path("cifar.toml");
    let train = |run: &str| wta(&["train", &recipe, "--data", &data, "--run", run]);
    train(&folder.path("cut")).fails("data_batch_3.bin: is cut off inside image 1");
    wta(&["data", &data]).fails("differ from the published ones");
}

#[test]
fn svhn_with_and_without_the_extra_set() {
    let folder = Folder::new();
    let data = fill(
        &folder,
        &[
            ("svhn/train_32x32.mat", "svhn_compressed.mat"),
            ("svhn/test_32x32.mat", "svhn_plain.mat"),
            ("svhn/extra_32x32.mat", "svhn_big_endian.mat"),
        ],
    );
    assert_eq!(train(&folder, "svhn", "set = 'svhn'", &data), "[2, 4, 32, 32] float32");
    assert_eq!(train(&folder, "extra", "set = 'svhn'\nextra = true", &data), "[4, 4, 32, 32] float32");
    assert_eq!(fs::read_dir(format!("{data}/svhn")).unwrap().count(), 3, "nothing is left behind");
}

#[test]
fn folders_of_pictures() {
    let folder = Folder::new();
    let data = fill(
        &folder,
        &[
            ("faces/train/a/1.png", "colour.png"),
            ("faces/train/b/1.jpg", "cmyk.jpg"),
            ("faces/test/a/1.png", "grey16.png"),
            ("photographs/1.jpg", "colour.jpg"),
            ("photographs/2.pgm", "grey.pgm"),
        ],
    );
    let whole = "set = 'images'\nfolder = 'faces'\nsize = [9, 8]\nlabelled = true";
    assert_eq!(train(&folder, "faces", whole, &data), "[2, 4, 9, 8] float32");
    let patches =
        "set = 'images'\nfolder = 'photographs'\nsize = 7\npatches = 12\ncolour = false\ntest_share = 0";
    assert_eq!(train(&folder, "patches", patches, &data), "[12, 4, 7, 7] float32");

    let listed = wta(&["data", &data]).succeeds();
    assert!(listed.stdout.contains("photographs") && listed.stdout.contains("2 pictures"), "{listed:?}");
    fs::write(format!("{data}/photographs/3.png"), "no picture").unwrap();
    let (recipe, run) = (folder.path("patches.toml"), folder.path("refused"));
    wta(&["train", &recipe, "--data", &data, "--run", &run]).fails("photographs/3.png: is no picture");
    let text = fs::read_to_string(&recipe).unwrap();
    let skip = folder.write("skip.toml", &format!("{text}on_error = 'skip'\n"));
    let out = wta(&["train", &skip, "--data", &data, "--run", &run]).succeeds();
    assert!(out.stderr.contains("skipped ") && out.stderr.contains("3.png"), "{out:?}");
}

#[test]
fn arrays_of_any_order_train_the_same_weights() {
    let folder = Folder::new();
    let names =
        ["nchw_f4.npy", "nchw_f8_big_endian.npy", "nchw_f4_fortran.npy", "one.safetensors", "complex.npy"];
    let data = fill(&folder, &names.map(|name| (name, name)));
    let train = |name: &str| {
        let table = format!("set = 'array'\ntrain = '{name}'\ndivide_by = 1000");
        let (recipe, run) = (recipe(&folder, "arrays", &table), folder.path(name));
        wta(&["train", &recipe, "--data", &data, "--run", &run])
    };
    let [first, others @ .., wrong] = names;
    let checksum = |name: &str| train(name).succeeds().value_after("weights checksum: ");
    let expected = checksum(first);
    others.iter().for_each(|name| assert_eq!(checksum(name), expected, "{name}"));
    train(wrong).fails("complex.npy: has numbers of NumPy's type <c8");
    let recipe = recipe(&folder, "arrays", "set = 'array'\ntrain = 'x.npy'\nfoo = 1");
    wta(&["train", &recipe, "--data", &data, "--run", &folder.path("no")]).fails("foo");
}
