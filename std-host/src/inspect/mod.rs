//! What a file is: its kind, what is in it, who reads it, and what is wrong with it.
//!
//! ```text
//! path ─▶ a folder ─▶ each file of the run, and whether they belong together
//!      └▶ a file ──▶ by its first bytes: safetensors ─▶ the kind by its tensors
//!                                        model.wta ───▶ what devices find in it
//!                                        data ────────▶ what the readers of data sets find in it
//!                                        text ────────▶ a recipe, records of a run, tables, examples
//! ```
//!
//! A file is what is in it, whatever it is called. A name that promises something else is told as a problem:
//! who reads files by their names will refuse it. Where a damaged text says nothing, its ending says what it
//! should have been.

mod device;
mod file;
mod finding;
mod folder;
mod json;
mod numbers;
mod recipe;
mod tensors;
mod text;

use std::path::Path;

pub use finding::{Fact, Finding};
pub use numbers::TensorFinding;

use crate::error::{Error, Result};

/// Looks at a file, or at a run folder and all its files. What is wrong with them is in
/// [`Finding::problems`]; the folder's own finding comes first.
///
/// # Errors
///
/// [`Error::Io`] if there is no such file or it cannot be read,
/// [`Error::Memory`] if it is too large.
///
/// ```
/// let folder = std::env::temp_dir().join(format!("wta-inspect-{}", std::process::id()));
/// std::fs::create_dir_all(&folder)?;
/// let recipe = folder.join("my.toml");
/// std::fs::write(&recipe, wta::recipe::text("digits-demo").unwrap())?;
/// let found = wta::inspect::inspect(&recipe)?;
/// assert_eq!(found[0].kind, "a recipe");
/// assert!(found[0].problems.is_empty());
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn inspect(path: &Path) -> Result<Vec<Finding>> {
    if path.is_dir() { folder::inspect(path) } else { Ok(vec![file::inspect(path)?]) }
}

/// The finding of a file that [`inspect`] cannot look at: it is not there, or cannot be read.
pub fn unreadable(path: &Path, error: &Error) -> Finding {
    file::unreadable(path, error)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::PathBuf;

    use tempfile::TempDir;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::data::own_contents;

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
    }

    fn fixture(name: &str) -> Vec<u8> {
        fs::read(fixtures().join(name)).unwrap()
    }

    /// A file of this name and content, looked at.
    fn look(folder: &TempDir, name: &str, bytes: &[u8]) -> Finding {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        inspect(&path).unwrap_or_else(|error| vec![unreadable(&path, &error)]).remove(0)
    }

    /// A `.npy` file.
    fn npy(description: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{description}', 'fortran_order': False, 'shape': ({shape}), }}");
        let mut bytes = b"\x93NUMPY\x01\0\x76\0".to_vec();
        bytes.extend(format!("{header:<117}\n").bytes());
        bytes.extend(numbers);
        bytes
    }

    fn npz(members: &[(&str, Vec<u8>)], compression: zip::CompressionMethod) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in members {
            let options = SimpleFileOptions::default().compression_method(compression);
            archive.start_file(format!("{name}.npy"), options).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    fn wav() -> Vec<u8> {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut bytes = std::io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        (-100i16..100).for_each(|number| writer.write_sample(number).unwrap());
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    fn idx(dimensions: &[u32], bytes: &[u8]) -> Vec<u8> {
        let mut file = vec![0, 0, 8, dimensions.len() as u8];
        dimensions.iter().for_each(|size| file.extend(size.to_be_bytes()));
        file.extend(bytes);
        file
    }

    fn sparse() -> Vec<u8> {
        let words = |words: &[i32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let members = [
            ("indptr", npy("<i4", "3,", &words(&[0, 1, 3]))),
            ("indices", npy("<i4", "3,", &words(&[2, 0, 3]))),
            ("data", npy("<f4", "3,", bytemuck::cast_slice(&[1.0f32, 2.0, -3.0]))),
            ("shape", npy("<i8", "2,", &[2i64.to_le_bytes(), 4i64.to_le_bytes()].concat())),
            ("format", npy("|S3", "", b"csr")),
        ];
        npz(&members, zip::CompressionMethod::Stored)
    }

    /// A name, its content, and what it is.
    fn kinds() -> Vec<(&'static str, Vec<u8>, &'static str)> {
        let array = || npy("|u1", "3, 5", &[7; 15]);
        let mut cifar = vec![3; 2 * 3073];
        cifar[3073] = 9;
        vec![
            ("a.png", fixture("images/colour.png"), "a picture (PNG)"),
            ("a.jpg", fixture("images/colour.jpg"), "a picture (JPEG)"),
            ("progressive.jpg", fixture("images/progressive.jpg"), "a picture (JPEG)"),
            ("a.gif", fixture("images/colour.gif"), "a picture (GIF)"),
            ("a.bmp", fixture("images/colour.bmp"), "a picture (BMP)"),
            ("a.tif", fixture("images/colour.tif"), "a picture (TIFF)"),
            ("a.webp", fixture("images/colour.webp"), "a picture (WebP)"),
            ("a.pgm", fixture("images/grey.pgm"), "a picture (PBM, PGM or PPM)"),
            ("a.npy", fixture("images/nchw_f4.npy"), "a NumPy array (.npy)"),
            ("fortran.npy", fixture("images/nchw_f4_fortran.npy"), "a NumPy array (.npy)"),
            (
                "a.npz",
                npz(&[("x", array())], zip::CompressionMethod::Stored),
                "an archive of NumPy arrays (.npz)",
            ),
            (
                "b.npz",
                npz(&[("x", array())], zip::CompressionMethod::Deflated),
                "an archive of NumPy arrays (.npz)",
            ),
            ("sparse.npz", sparse(), "a sparse matrix (CSR, .npz)"),
            ("a.wav", wav(), "a recording (.wav)"),
            ("a.safetensors", fixture("images/images.safetensors"), "tensors of another program"),
            ("a.wta", fixture("models/motions.wta"), "a network for firmware (model.wta)"),
            ("plain.mat", fixture("images/svhn_plain.mat"), "images and labels of SVHN (MATLAB)"),
            ("compressed.mat", fixture("images/svhn_compressed.mat"), "images and labels of SVHN (MATLAB)"),
            ("images-idx3-ubyte", idx(&[2, 3, 4], &[9; 24]), "images of MNIST's format (IDX)"),
            ("labels-idx1-ubyte", idx(&[9], &[9; 9]), "labels of MNIST's format (IDX)"),
            ("labels.gz", fixture("digits/t10k-labels-idx1-ubyte.gz"), "labels of MNIST's format (IDX)"),
            ("test_batch.bin", cifar, "images and labels of CIFAR-10 (binary version)"),
            ("eval.json", br#"{"test_error": 0.25}"#.to_vec(), "the record of an evaluation (eval.json)"),
            (
                "imported.json",
                br#"{"classes": ["a"], "pool": "none", "classifier": "0"}"#.to_vec(),
                "what a device's classifier is for (eval.json)",
            ),
        ]
    }

    #[test]
    fn each_kind_is_known_by_its_content_and_not_when_it_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes, kind) in kinds() {
            let whole = look(&folder, name, &bytes);
            assert_eq!((whole.kind, &whole.problems[..]), (kind, &[][..]), "{name}");
            let has_numbers =
                whole.tensors.iter().any(|tensor| tensor.least.is_some() && !tensor.shape.is_empty());
            assert!(has_numbers || kind.contains("model.wta") || kind.contains("json"), "{name}: {whole}");
            // The same under a name that says nothing.
            assert_eq!(look(&folder, "unnamed", &bytes).kind, kind, "{name}");

            // Each length at either end, and some between.
            let (len, step) = (bytes.len(), (bytes.len() / 61).max(1));
            let lengths = (0..len).filter(|cut| *cut < 80 || len - cut < 30 || cut % step == 0);
            for cut in lengths {
                let found = look(&folder, name, &bytes[..cut]);
                assert!(!found.problems.is_empty(), "{name}, {cut} of {len} bytes: {found}");
                assert!(found.problems.iter().all(|problem| !problem.contains('\n')), "{found}");
            }
        }
    }

    #[test]
    fn arrays_that_are_refused_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let archive = npz(&[("y", fixture("images/nan_f4.npy"))], zip::CompressionMethod::Stored);
        for (name, bytes, problem) in [
            ("nan.npy", fixture("images/nan_f4.npy"), "not finite"),
            ("object.npy", fixture("images/object.npy"), "NumPy's type |O"),
            ("complex.npy", fixture("images/complex.npy"), "NumPy's type <c"),
            ("record.npy", fixture("images/record.npy"), "records of several fields"),
            ("empty.npy", npy("<f4", "0, 4", b""), "holds no numbers"),
            ("nan.npz", archive, "array y has"),
        ] {
            let found = look(&folder, name, &bytes);
            assert!(found.problems.iter().any(|found| found.contains(problem)), "{name}: {found}");
            assert!(!found.readers.contains("wta init") || !name.contains('o'), "{found}");
        }
        // A bit of a number that nothing but the checksum of the archive covers.
        let mut bytes = npz(&[("x", npy("|u1", "15,", &[7; 15]))], zip::CompressionMethod::Stored);
        let place = bytes.windows(15).position(|window| window == [7; 15]).unwrap();
        bytes[place] ^= 1;
        assert!(!look(&folder, "bit.npz", &bytes).problems.is_empty());
    }

    #[test]
    fn names_that_promise_something_else_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let picture = fixture("images/colour.jpg");
        assert_eq!(look(&folder, "a.png", &picture).problems, [""; 0], "any picture is read");
        for ending in ["safetensors", "wta", "npy", "npz", "wav", "mat", "onnx", "toml", "csv"] {
            let found = look(&folder, &format!("a.{ending}"), &picture);
            let expected = format!("is called .{ending}, but is a picture (JPEG)");
            assert!(found.problems[0].contains(&expected), "{found}");
            // A byte of the beginning is text, if any.
            if !["toml", "csv"].contains(&ending) {
                assert_eq!(look(&folder, &format!("a.{ending}"), b"@").problems.len(), 1, "{ending}");
            }
        }
        assert!(look(&folder, "a.png", b"PNG").problems[0].contains("is called .png, but is a text file"));
    }

    #[test]
    fn texts_are_what_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let recipe = crate::recipe::text("digits-demo").unwrap();
        let metrics = "epoch,loss,pixel_mse,dead_share,rate,seconds\n1,2.5,0.1,0,0.1,1\n";
        for (name, text, kind, problem) in [
            ("a", recipe, "a recipe", None),
            ("a.toml", "[network\n", "a damaged recipe", Some("is no TOML")),
            ("a.toml", "[package]\nname = 'x'\n", "a TOML file", None),
            ("a.md", "# name\n\nname of the\n[network] and more\n", "a text file", None),
            ("a.py", "name = 1\nnetwork = train()\n[x for x in y]\n", "a text file", None),
            ("a.py", "import numpy\nname = [\nnetwork]\n", "a text file", None),
            ("a", "+1 1:0.5 3:2\n-1 2:1\n", "labelled examples (LIBSVM's text)", None),
            ("a.txt", "+1 1:0.5 3:2\n-1 2:1\n", "labelled examples (LIBSVM's text)", None),
            ("a", "+1 1:0.5 3:2\n-1 2:1 x\n", "labelled examples (LIBSVM's text)", Some("line 2")),
            ("a.csv", "x,w,label\n1,2,a\n3,4,b\n", "a table of numbers (text)", None),
            ("a", "x,w,label\n1,2,a\n3,4,b\n", "a table of numbers (text)", None),
            ("a.csv", "x,w,label\n1,2,a\n3,4\n", "a table of numbers (text)", Some("line 3")),
            ("a.txt", "1\n2\n", "a table of numbers (text)", None),
            ("a.csv", "1,2\n3,nan\n", "a table of numbers (text)", Some("not a finite")),
            ("a.csv", "a,b\nc,d\n", "a table of words (text)", None),
            ("m", metrics, "the course of a training (metrics.csv)", None),
            ("m", &metrics[..metrics.len() - 4], "the course of a training (metrics.csv)", Some("no table")),
            ("a", "map,active,mean\n0,1,0.5\n", "the samples that excite each map (atoms.csv)", None),
            ("a", "map,active,mean\n0,1\n", "the samples that excite each map (atoms.csv)", Some("damaged")),
            ("a.json", "{", "a damaged JSON file", Some("is no whole JSON")),
            ("a", "{\"a\": 1", "a damaged JSON file", Some("is no whole JSON")),
            ("a", "{\"test_error\": \"low\"}", "the record of an evaluation (eval.json)", Some("damaged")),
            ("a", "{\"a\": [1, 2]}", "a JSON file", None),
            ("a.html", "<!DOCTYPE html>\n<html></html>\n", "a page (HTML)", None),
            ("a.html", "<!DOCTYPE html>\n<html>", "a page (HTML)", Some("cut off")),
            ("a", "BM is no picture\n", "a text file", None),
            ("a", "MATLAB is no data\n", "a text file", None),
            ("a", "Grüße\n", "a text file", None),
        ] {
            let found = look(&folder, name, text.as_bytes());
            assert_eq!(found.kind, kind, "{text}: {found}");
            let said = found.problems.first().map(String::as_str);
            assert_eq!(said.is_some(), problem.is_some(), "{text}: {found}");
            assert!(said.unwrap_or("").contains(problem.unwrap_or("")), "{text}: {found}");
        }
        assert!(own_contents::is_examples(b"# a\n1 1:2 3:4", false), "the cut number is left out");
    }

    #[test]
    fn compressed_files_are_named_for_what_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let packed = |bytes: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let examples = packed(b"1 1:2\n");
        assert!(
            look(&folder, "a.gz", &examples).kind.starts_with("labelled examples (LIBSVM's text, compressed")
        );
        assert!(look(&folder, "a.gz", &packed(&[3; 3073])).kind.contains("CIFAR-10"));
        for cut in 1..examples.len() {
            assert!(!look(&folder, "a.gz", &examples[..cut]).problems.is_empty(), "{cut}");
        }
    }

    #[test]
    fn every_file_of_a_run_is_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let whole = [
            ("recipe.toml", crate::recipe::text("digits-demo").unwrap()),
            ("eval.json", "{\"test_error\": 0.25}"),
            ("metrics.csv", "epoch,loss,pixel_mse,dead_share,rate,seconds\n1,2.5,0.1,0,0.1,1\n"),
            ("sample.json", "{\"form\": \"image\", \"channels\": 1, \"rows\": 28, \"columns\": 28}"),
        ];
        whole.iter().for_each(|(name, text)| fs::write(at(name), text).unwrap());
        fs::write(at("dictionary.png"), fixture("images/grey.png")).unwrap();
        let problems = || {
            let found = inspect(folder.path()).unwrap();
            assert_eq!(found.len(), 6);
            // The folder itself has no model yet.
            found[1..].iter().map(|finding| finding.problems.len()).sum::<usize>()
        };
        assert_eq!(problems(), 0);
        for (name, damaged) in [
            ("eval.json", "{\n"),
            ("eval.json", "{}"),
            ("eval.json", "{\"test_error\": \"low\"}"),
            ("metrics.csv", "garbage\n"),
            ("metrics.csv", "1,2\n3,4\n"),
            ("sample.json", "{\"form\": 3, \"channels\": 1, \"rows\": 28, \"columns\": 28}"),
            ("dictionary.png", "garbage\n"),
            ("recipe.toml", "garbage\n"),
        ] {
            let before = fs::read(at(name)).unwrap();
            fs::write(at(name), damaged).unwrap();
            assert_eq!(problems(), 1, "{name}: {damaged}");
            fs::write(at(name), before).unwrap();
        }
        fs::write(at("metrics.csv"), "").unwrap();
        assert_eq!(problems(), 0, "no epoch has ended");
    }
}
