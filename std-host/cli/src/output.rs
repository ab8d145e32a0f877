//! Files that the user names; `-` is standard output, and so is a path of the file that standard output goes
//! to, as `/dev/stdout`.

use std::io::Write;
use std::path::Path;

use wta::files::atomic::AtomicFile;
use wta::files::place;
use wta::run::Run;

use crate::error::{Error, Result};
use crate::print::{print, say};

/// Begins a file; `-` is standard output.
pub(crate) fn create(path: &Path) -> Result<AtomicFile> {
    Ok(if is_standard(path) { AtomicFile::standard_output() } else { AtomicFile::create(path)? })
}

/// Writes a whole file; `-` is standard output.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes).map_err(|error| wta::Error::io("write", path, error))?;
    Ok(file.commit()?)
}

/// Prints what was written, to standard error if a result goes to standard output.
pub(crate) fn report(paths: &[&Path], text: &str) -> Result<()> {
    if paths.iter().any(|path| is_standard(path)) {
        say(text);
        return Ok(());
    }
    print(text)
}

/// `Ok` if files can be written to these paths without the loss of another: none is a file of the run that is
/// read, if there is one, an input or written twice.
pub(crate) fn expect_apart(
    outs: &[impl AsRef<Path>],
    inputs: &[impl AsRef<Path>],
    run: Option<&Run>,
) -> Result<()> {
    let refused = |path: &Path, problem: &str| Err(Error::Usage(format!("{}: {problem}", path.display())));
    for (index, out) in outs.iter().enumerate() {
        let out = out.as_ref();
        let mut others = outs.iter().skip(index + 1).map(AsRef::as_ref);
        if is_standard(out) {
            if others.any(is_standard) {
                return refused(out, "two results would go to standard output; give one of them a file");
            }
            continue;
        }
        if run.is_some_and(|run| run.is_own(out)) {
            return refused(out, "is a file of the run, which would be lost; give another name");
        }
        if inputs.iter().any(|input| is_same(out, input.as_ref())) {
            return refused(out, "is what is read, which would be lost; give another name");
        }
        if others.any(|other| is_same(out, other)) {
            return refused(out, "would be written twice; give each result a name of its own");
        }
    }
    Ok(())
}

fn is_same(a: &Path, b: &Path) -> bool {
    // What is no file, a pipe or a device, is not replaced.
    let is_special = a.exists() && !a.is_file();
    !is_special && place(a).is_some_and(|a| place(b) == Some(a))
}

/// Whether results for this path go to standard output, where nothing else may be printed then.
fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-" || is_file_of_standard_output(path)
}

#[cfg(unix)]
fn is_file_of_standard_output(path: &Path) -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let opened = Path::new("/dev/stdout");
    let (Ok(file), Ok(standard)) = (std::fs::metadata(path), std::fs::metadata(opened)) else { return false };
    // A terminal and `/dev/null` take what comes from two sides, and lose nothing.
    let is_shared = file.file_type().is_char_device() && path != opened;
    !is_shared && (file.dev(), file.ino()) == (standard.dev(), standard.ino())
}

#[cfg(not(unix))]
fn is_file_of_standard_output(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn nothing_is_written_over_what_is_read_or_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("run/below")).unwrap();
        std::fs::write(at("x.npy"), "").unwrap();
        let run = Run::new(at("run"));
        let said = |outs: &[&str], inputs: &[&str]| {
            let paths = |names: &[&str]| -> Vec<PathBuf> {
                names.iter().map(|name| if *name == "-" { PathBuf::from("-") } else { at(name) }).collect()
            };
            expect_apart(&paths(outs), &paths(inputs), Some(&run)).map_err(|error| error.to_string())
        };
        assert_eq!(said(&["a.wta", "a.rs", "-"], &["x.npy"]), Ok(()));
        assert_eq!(said(&["run/features.npy"], &["x.npy"]), Ok(()));
        for (outs, problem) in [
            (["run/model.safetensors", "b"], "is a file of the run"),
            (["b", "run/below/../recipe.toml"], "is a file of the run"),
            (["run/below/svm.safetensors", "b"], "is a file of the run"),
            (["run/.lock", "b"], "is a file of the run"),
            (["x.npy", "b"], "is what is read"),
            (["run/../x.npy", "b"], "is what is read"),
            (["b", "run/../b"], "would be written twice"),
            (["-", "-"], "two results"),
        ] {
            let sentence = said(&outs, &["x.npy"]).unwrap_err();
            assert!(sentence.contains(problem), "{sentence}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("run/model.safetensors", at("link")).unwrap();
            std::os::unix::fs::symlink("x.npy", at("other")).unwrap();
            // The link leads to a file that is not there yet.
            std::fs::write(at("run/model.safetensors"), "").unwrap();
            assert!(said(&["link"], &[]).unwrap_err().contains("is a file of the run"));
            assert!(said(&["other"], &["x.npy"]).unwrap_err().contains("is what is read"));
        }
    }
}
