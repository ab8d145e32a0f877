//! Files that the user names; `-` is standard output, and so is a path of the file that standard output goes
//! to, as `/dev/stdout`.

use std::io::Write;
use std::path::{Path, PathBuf};

use wta::files::atomic::AtomicFile;
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
/// read, an input or written twice.
pub(crate) fn expect_apart(outs: &[&Path], inputs: &[&Path], run: &Run) -> Result<()> {
    let refused = |path: &Path, problem: &str| Err(Error::Usage(format!("{}: {problem}", path.display())));
    for (index, out) in outs.iter().enumerate() {
        if is_standard(out) {
            if outs.iter().skip(index + 1).any(|other| is_standard(other)) {
                return refused(out, "two results would go to standard output; give one of them a file");
            }
            continue;
        }
        if run.is_own(out) || place(out).is_some_and(|place| run.is_own(&place)) {
            return refused(out, "is a file of the run, which would be lost; give another name");
        }
        if inputs.iter().any(|input| is_same(out, input)) {
            return refused(out, "is what is read, which would be lost; give another name");
        }
        if outs.iter().skip(index + 1).any(|other| is_same(out, other)) {
            return refused(out, "would be written twice; give each result a name of its own");
        }
    }
    Ok(())
}

/// Where a path leads, through links; of a file that is not there yet, where it will be.
fn place(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().or_else(|| {
        let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    })
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
    use std::os::unix::fs::MetadataExt;
    let file = |path: &Path| std::fs::metadata(path).map(|found| (found.dev(), found.ino()));
    // A terminal and `/dev/null` take what comes from two sides, and lose nothing.
    let is_shared = std::fs::metadata(path).is_ok_and(|found| {
        use std::os::unix::fs::FileTypeExt;
        found.file_type().is_char_device()
    });
    let opened = Path::new("/dev/stdout");
    match (file(path), file(opened)) {
        (Ok(file), Ok(standard)) => file == standard && (!is_shared || path.starts_with("/dev/stdout")),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_file_of_standard_output(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_over_what_is_read_or_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("run/below")).unwrap();
        std::fs::write(at("x.npy"), "").unwrap();
        let run = Run::new(at("run"));
        let said = |outs: &[&str], inputs: &[&str]| {
            let [outs, inputs] = [outs, inputs].map(|names| {
                names
                    .iter()
                    .map(|name| match *name {
                        "-" => PathBuf::from("-"),
                        name => at(name),
                    })
                    .collect::<Vec<_>>()
            });
            let paths = |all: &'static [PathBuf]| all.iter().map(PathBuf::as_path).collect::<Vec<_>>();
            let (outs, inputs) = (paths(outs.leak()), paths(inputs.leak()));
            expect_apart(&outs, &inputs, &run).map_err(|error| error.to_string())
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
