//! Labelled examples in LIBSVM's text.

use std::path::Path;

use super::labels::Labels;
use crate::data::contents::Contents;
use crate::data::own::examples::ExampleFile;
use crate::data::own::libsvm;
use crate::data::range::Range;

/// Whether a text that begins so is LIBSVM's: its first line is an example. `all` says whether it is all of
/// the text; otherwise the last line may be cut.
pub(crate) fn is_examples(start: &[u8], all: bool) -> bool {
    let mut lines = start.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).peekable();
    while let Some(line) = lines.next() {
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let whole = all || lines.peek().is_some();
        let cut = line.iter().rposition(u8::is_ascii_whitespace).unwrap_or(0);
        return libsvm::is_example(if whole { line } else { line.get(..cut).unwrap_or_default() });
    }
    false
}

/// What a file of examples holds.
pub(crate) fn examples(path: &Path) -> Contents {
    let contents = Contents::new(
        "labelled examples (LIBSVM's text)",
        "`wta svm`; svm-train and liblinear-train; sklearn.datasets.load_svmlight_file",
    );
    let file = ExampleFile { path: path.to_path_buf(), ..ExampleFile::default() };
    let (mut range, mut rows, mut features, mut labels) = (Range::default(), 0, 0, Labels::new());
    let mut unlabelled = 0;
    let read = file.read(&(), &mut |batch| {
        for (entries, label) in batch.examples() {
            rows += 1;
            features = features.max(entries.last().map_or(0, |entry| entry.index as usize + 1));
            entries.iter().for_each(|entry| range.add(f64::from(entry.value)));
            match label {
                Some(label) => labels.note(label),
                None => unlabelled += 1,
            }
        }
        Ok(())
    });
    let mut contents =
        contents.with("examples", rows).with("features", features).with("classes", labels.count());
    if unlabelled > 0 {
        contents = contents.with("unlabelled", unlabelled);
    }
    let stored = range.count as usize;
    let contents = contents.array("values that are not 0", "float32", &[stored], Some(range));
    match read {
        Ok(_) => contents,
        Err(error) => contents.wrong(error),
    }
}
