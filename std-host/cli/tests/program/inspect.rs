//! `wta inspect`: each of the program's files is known by what is in it, and what is wrong with it is said.

use std::fs;

use crate::support::{Folder, STACK, wta};

/// A trained and evaluated run of a stack on digits, and its exports.
fn made(folder: &Folder) -> String {
    // A stack sees its images once: both layers have the steps.
    let step = "preprocess = [{ step = 'standardise' }]\n";
    let recipe = folder.write("stack.toml", &(STACK.replace("[below]", &format!("{step}[below]")) + step));
    let run = folder.path("run");
    wta(&["train", &recipe, "--run", &run]).succeeds();
    wta(&["eval", "--run", &run]).succeeds();
    wta(&["export", "--run", &run, "--out", &folder.path("model.wta")]).succeeds();
    wta(&["export", "--run", &run, "--out", &folder.path("int8.wta"), "--int8"]).succeeds();
    run
}

#[test]
fn files_are_known_by_what_is_in_them_and_damage_is_told() {
    let folder = Folder::new();
    let run = made(&folder);

    let said = wta(&["inspect", &run]).succeeds().stdout;
    for expected in [
        "run: a run folder",
        "samples      1x28x28",
        "classifier   of 10 classes",
        "recipe.toml: a recipe",
        "model.safetensors: the network of a run",
        "encoder.0.weight",
        "checkpoint.safetensors: the state of a training",
        "svm.safetensors: a classifier",
        "run/below: a run folder",
        "below/preprocess.safetensors: what preprocessing has learnt",
        "checked      the checksum is right",
    ] {
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    }
    assert!(!said.contains("wrong"), "{said}");

    // Whatever their names are.
    for (file, name, expected) in [
        ("run/svm.safetensors", "a", "a classifier"),
        ("model.wta", "b", "a network for firmware"),
        ("int8.wta", "c", "int8         quantised"),
        ("run/recipe.toml", "d", "a recipe"),
        ("run/dictionary.png", "e", "a picture (PNG)"),
        ("run/metrics.csv", "f", "the course of a training"),
        ("run/eval.json", "g", "the record of an evaluation"),
        ("run/sample.json", "h", "what the samples of a run are"),
    ] {
        fs::copy(folder.path(file), folder.path(name)).unwrap();
        let said = wta(&["inspect", &folder.path(name)]).succeeds().stdout;
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    }
    // A name that promises something else.
    fs::copy(folder.path("model.wta"), folder.path("b.safetensors")).unwrap();
    let said = wta(&["inspect", &folder.path("b.safetensors")]).fails("something is wrong with").stdout;
    assert!(said.contains("is called .safetensors, but is a network for firmware"), "{said}");
    let json = wta(&["inspect", "--json", &folder.path("model.wta"), &folder.path("a")]).succeeds().stdout;
    let found: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(found[1]["tensors"][1]["shape"], serde_json::json!([10, 12]));
    assert_eq!(found[0]["problems"], serde_json::json!([]));

    // A bit, a byte fewer, another run's file.
    for (file, problem) in [
        ("run/model.safetensors", "checksum is"),
        ("run/checkpoint.safetensors", "checksum is"),
        ("run/svm.safetensors", "checksum is"),
        ("model.wta", "damaged"),
        ("run/dictionary.png", "is cut off or damaged"),
    ] {
        let path = folder.path(file);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        let last = bytes.len() - 1;
        // Of a picture, the checksum of its end.
        bytes[last] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let said = wta(&["inspect", &path]).fails("something is wrong with");
        assert!(said.stdout.contains(problem), "{}", said.stdout);
        fs::write(&path, &whole[..last]).unwrap();
        let said = wta(&["inspect", &path]).fails("something is wrong with");
        assert!(said.stdout.contains("wrong        "), "{}", said.stdout);
        fs::write(&path, &whole).unwrap();
    }
    for (file, text) in [
        ("run/eval.json", "{\n"),
        ("run/eval.json", "{}\n"),
        ("run/metrics.csv", "garbage\n"),
        ("run/below/metrics.csv", "garbage\n"),
        ("run/sample.json", "[]\n"),
        ("run/atoms.csv", "garbage\n"),
        ("run/report.html", "<!DOCTYPE html>\n<html>"),
    ] {
        let path = folder.path(file);
        let whole = fs::read(&path);
        fs::write(&path, text).unwrap();
        let said = wta(&["inspect", &run]).fails(file);
        assert!(said.stdout.contains("wrong        "), "{file}: {}", said.stdout);
        match whole {
            Ok(whole) => fs::write(&path, whole).unwrap(),
            Err(_) => fs::remove_file(&path).unwrap(),
        }
    }
    wta(&["inspect", &run]).succeeds();
    fs::copy(folder.path("run/below/model.safetensors"), folder.path("run/model.safetensors")).unwrap();
    let said = wta(&["inspect", &run]).fails("something is wrong with").stdout;
    assert!(said.contains("wrong"), "{said}");
}

#[test]
fn tensors_of_zeros_are_no_text() {
    let folder = Folder::new();
    let header = r#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} "#;
    let path = folder.path("zeros");
    fs::write(&path, [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 8]].concat()).unwrap();
    let said = wta(&["inspect", &path]).succeeds().stdout;
    assert!(said.contains("tensors of another program") && said.contains("100.0%"), "{said}");
}

#[test]
fn what_is_no_file_of_ours_is_told_in_a_sentence() {
    let folder = Folder::new();
    for (bytes, problem) in [
        (&b""[..], "holds nothing"),
        (&b"\xff\xfe\x00garbage\x01\x02"[..], "is no file of `wta`"),
        (&b"\x10\x00\x00\x00\x00\x00\x00\x00{\"a\": \xff"[..], "is cut off or damaged"),
        (&b"WTAMODEL and no more"[..], "wrong"),
        (&b"name = 'x'\nnetwork = 3\n"[..], "wrong"),
    ] {
        let path = folder.path("x");
        fs::write(&path, bytes).unwrap();
        let said = wta(&["inspect", &path]).fails("something is wrong with");
        assert!(said.stdout.contains(problem), "{}", said.stdout);
    }
    let said = wta(&["inspect", &folder.path("missing")]).fails("something is wrong with");
    assert!(said.stdout.contains("cannot read"), "{}", said.stdout);
    wta(&["inspect", &folder.path("")]).fails("something is wrong with");
}

#[test]
fn what_is_not_there_keeps_nothing_from_being_told() {
    let folder = Folder::new();
    let there = folder.write("a", "text\n");
    let missing = folder.path("missing");
    for paths in [[&there, &missing], [&missing, &there]] {
        let said = wta(&["inspect", "--json", paths[0], paths[1]]).fails("something is wrong with").stdout;
        let found: Vec<serde_json::Value> = serde_json::from_str(&said).unwrap();
        for (found, path) in found.iter().zip(paths) {
            assert_eq!(found["path"].as_str(), Some(path.as_str()));
            assert_eq!(found["problems"].as_array().map(Vec::len), Some(usize::from(path == &missing)));
        }
        let said = wta(&["inspect", paths[0], paths[1]]).fails("something is wrong with").stdout;
        assert!(said.contains("a text file") && said.contains("cannot read"), "{said}");
    }
}

/// A cut ONNX file has no length that gives it away: what stands last must be there.
#[test]
fn what_is_exported_is_known_and_not_when_it_is_cut() {
    let folder = Folder::new();
    let run = made(&folder);
    let (onnx, sparse) = (folder.path("model.onnx"), folder.path("features.npz"));
    wta(&["export", "--run", &run, "--onnx", &onnx]).succeeds();
    wta(&["encode", "--run", &run, "--split", "test", "--sparse", "--out", &sparse]).succeeds();
    let said = wta(&["inspect", &onnx, &sparse]).succeeds().stdout;
    for expected in
        ["a network for other programs (ONNX)", "onnxruntime", "samples: N x", "a sparse matrix (CSR"]
    {
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    }
    for file in [&onnx, &sparse] {
        let whole = fs::read(file).unwrap();
        let ending = file.rsplit('.').next().unwrap();
        let lengths = (0..whole.len())
            .filter(|cut| *cut < 20 || whole.len() - cut < 40 || cut % (whole.len() / 40) == 0);
        let mut cut = vec!["inspect".to_owned(), "--json".to_owned()];
        for len in lengths {
            let path = folder.path(&format!("{len}.{ending}"));
            fs::write(&path, &whole[..len]).unwrap();
            cut.push(path);
        }
        let arguments: Vec<&str> = cut.iter().map(String::as_str).collect();
        let said = wta(&arguments).fails("something is wrong with").stdout;
        let found: Vec<serde_json::Value> = serde_json::from_str(&said).unwrap();
        assert_eq!(found.len(), cut.len() - 2);
        for found in found {
            assert_ne!(found["problems"], serde_json::json!([]), "{found}");
        }
    }
}
