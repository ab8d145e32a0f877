//! Files of named tensors: which of them it is, by the tensors' names.

use std::collections::BTreeMap;

use safetensors::tensor::SafeTensors;

use super::finding::Finding;
use super::numbers::TensorFinding;
use crate::files::seal;

/// A kind of file: what it is, who reads it, and whether these are the names of its tensors.
struct Kind {
    what: &'static str,
    readers: &'static str,
    has: fn(&[&str]) -> bool,
}

/// The kinds, of which the first that fits counts.
const KINDS: [Kind; 5] = [
    Kind {
        what: "the network of a run (model.safetensors)",
        readers: "`wta` eval, encode, predict, show, export; PyTorch, by the names of torch.nn",
        has: |names| has_all(names, &["encoder.0.weight", "encoder.0.bias"]),
    },
    Kind {
        what: "the state of a training (checkpoint.safetensors)",
        readers: "`wta train`, which goes on from it",
        has: |names| has_all(names, &["parameters", "moments", "step"]),
    },
    Kind {
        what: "a classifier (svm.safetensors)",
        readers: "`wta svm predict`; `wta predict` and `wta export`, with the run that it is for",
        has: |names| has_all(names, &["weight", "bias"]),
    },
    Kind {
        what: "what preprocessing has learnt (preprocess.safetensors)",
        readers: "each command that reads the run",
        has: |names| !names.is_empty() && names.iter().all(|name| is_of_step(name)),
    },
    Kind {
        what: "a dictionary (sae_weights.safetensors)",
        readers: "SAELens, with cfg.json beside it",
        has: |names| has_all(names, &["W_enc", "W_dec", "b_enc", "b_dec"]),
    },
];

/// Any other.
const OTHER: (&str, &str) =
    ("tensors of another program", "data = { set = \"array\", train = FILE }, a tensor of it as the samples");

fn has_all(names: &[&str], wanted: &[&str]) -> bool {
    wanted.iter().all(|name| names.contains(name))
}

/// Whether a name is that of a preprocessing step: `1.zca.mean`.
fn is_of_step(name: &str) -> bool {
    let mut parts = name.split('.');
    parts.next().is_some_and(|place| !place.is_empty() && place.bytes().all(|byte| byte.is_ascii_digit()))
        && parts.count() == 2
}

/// Looks at a file in the format of safetensors.
pub(super) fn inspect(finding: Finding, bytes: &[u8]) -> Finding {
    let (tensors, metadata) = match (SafeTensors::deserialize(bytes), SafeTensors::read_metadata(bytes)) {
        (Ok(tensors), Ok((_, metadata))) => (tensors, metadata),
        (Err(error), _) | (_, Err(error)) => {
            let finding = finding.of("a damaged safetensors file", "nobody");
            return finding.wrong(format!("is cut off or damaged ({error}); write it again"));
        }
    };
    let mut names = tensors.names();
    names.sort_unstable();
    let kind = KINDS.iter().find(|kind| (kind.has)(&names));
    let (what, readers) = kind.map_or(OTHER, |kind| (kind.what, kind.readers));
    let mut finding = finding.of(what, readers);
    for (key, value) in metadata.metadata().iter().flatten().collect::<BTreeMap<_, _>>() {
        finding = finding.with(&key.replace('_', " "), value);
    }
    let remedy = "take an undamaged copy, or make it again";
    match seal::opened(&finding.path, &tensors, &metadata, remedy) {
        Ok(Some(_)) => finding = finding.with("checked", "the checksum is right"),
        Ok(None) => {
            finding = finding.with("checked", "no: without a checksum, damage would go unnoticed");
        }
        Err(error) => finding = finding.refused(&error),
    }
    for name in names {
        let Ok(view) = tensors.tensor(name) else { continue };
        let found = TensorFinding::new(name, &view);
        if let Some(problem) = found.problem("tensor") {
            finding = finding.wrong(problem);
        }
        finding.tensors.push(found);
    }
    finding
}
