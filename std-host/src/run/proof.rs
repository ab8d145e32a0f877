//! What a run's files do not prove: notes for whoever uses them.

use serde::Deserialize;

use super::folder::{CLASSIFIER, RECORD, Run};
use crate::files::seal::stated;
use crate::files::whole;

/// The files of numbers that have a checksum in their metadata.
const SEALED: [&str; 3] = ["model.safetensors", "preprocess.safetensors", CLASSIFIER];

impl Run {
    /// Sentences about what the run's files do not prove, though they can be used: those of earlier versions
    /// and of other programs have no checksum, and an evaluation that was interrupted leaves the results of
    /// an earlier one beside its classifier.
    pub fn unproven(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let unsealed = self.unsealed("");
        if !unsealed.is_empty() {
            notes.push(format!(
                "{}: {} without a checksum, as of an earlier version or another program: damage would go unnoticed",
                self.folder().display(),
                unsealed.join(", ")
            ));
        }
        let classifier = stated(&self.file(CLASSIFIER));
        if classifier.is_some() && classifier != self.recorded() {
            notes.push(format!(
                "{}: not of the classifier in {CLASSIFIER}: an evaluation was interrupted; evaluate the run again",
                self.file(RECORD).display()
            ));
        }
        notes
    }

    /// The files without a checksum, of all layers; `before` is put in front of their names.
    fn unsealed(&self, before: &str) -> Vec<String> {
        let is_unsealed = |name: &&str| self.file(name).exists() && stated(&self.file(name)).is_none();
        let mut all: Vec<String> =
            SEALED.iter().filter(|name| is_unsealed(name)).map(|name| format!("{before}{name}")).collect();
        if self.below().folder().is_dir() {
            all.extend(self.below().unsealed(&format!("{before}below/")));
        }
        all
    }

    /// The classifier that `eval.json` says it is about.
    fn recorded(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Record {
            classifier: Option<String>,
        }
        let text = whole::read_text(&self.file(RECORD)).ok()?;
        serde_json::from_str::<Record>(&text).ok()?.classifier
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::tensors::{Tensor, write};

    #[test]
    fn what_has_no_checksum_and_what_does_not_belong_together_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path());
        let tensor = || Tensor { name: "x".to_owned(), shape: vec![1], values: vec![1.0] };
        for file in ["model.safetensors", CLASSIFIER] {
            write(&run.file(file), &[tensor()], &[]).unwrap();
        }
        let record = |classifier: &str| {
            std::fs::write(run.file(RECORD), format!(r#"{{"classifier": "{classifier}"}}"#)).unwrap();
        };
        record(&stated(&run.file(CLASSIFIER)).unwrap());
        assert_eq!(run.unproven(), Vec::<String>::new());
        record("00000000");
        let [note] = &run.unproven()[..] else { panic!() };
        assert!(note.contains("eval.json: not of the classifier"), "{note}");
        std::fs::create_dir(run.below().folder()).unwrap();
        std::fs::write(run.below().file("model.safetensors"), b"").unwrap();
        let [note, _] = &run.unproven()[..] else { panic!() };
        assert!(note.contains("below/model.safetensors without a checksum"), "{note}");
    }
}
