//! `wta detect`: real recordings of a bearing, and what cannot be.

use std::fs;

use crate::support::wta;

const BEARING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/bearing");

#[test]
fn a_bearings_faults_are_told_and_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("found");
    let [normal, inner, outer] = ["normal", "inner_7", "outer_7"].map(|name| format!("{BEARING}/{name}.npy"));
    let arguments = ["detect", "--learn", &normal, "--watch", &inner, &outer, "--steps", "300", "--out"];
    let told = wta(&[&arguments[..], &[out.to_str().unwrap()]].concat()).succeeds().stdout;
    assert!(told.contains("normal.npy (not learnt)") && told.contains("36304 bytes of RAM"), "{told}");
    assert!(told.contains("Settings::fully_connected(128, 1, 16).hop(64).learning(300, 16)"), "{told}");

    let json = wta(&[&arguments[..arguments.len() - 1], &["--json"]].concat()).succeeds().stdout;
    assert_eq!(json, fs::read_to_string(out.join("detect.json")).unwrap());
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let recordings = report["recordings"].as_array().unwrap();
    assert_eq!(recordings.len(), 3);
    assert!(
        recordings[0]["share"].as_f64().unwrap() <= 0.025 && recordings[0]["events"] == serde_json::json!([])
    );
    for fault in &recordings[1..] {
        assert!(fault["auc"].as_f64().unwrap() >= 0.995, "{}", fault["auc"]);
        assert!(fault["windows_to_alarm"].as_u64().unwrap() <= 4, "{}", fault["windows_to_alarm"]);
    }
    let windows: u64 = recordings.iter().map(|watched| watched["windows"].as_u64().unwrap()).sum();
    let rows = fs::read_to_string(out.join("scores.csv")).unwrap();
    assert_eq!(rows.lines().count() as u64, 1 + windows);
    assert!(rows.starts_with("recording,normal,start,score,above\n"), "{}", &rows[..80]);
    for picture in ["scores.svg", "roc.svg"] {
        let text = fs::read_to_string(out.join(picture)).unwrap();
        assert!(text.starts_with("<svg") && text.contains("outer_7.npy"), "{picture}");
    }
    let state = fs::read(out.join("state.bin")).unwrap();
    assert_eq!((&state[..4], state.len() as u64), (&b"WTAD"[..], report["state_bytes"].as_u64().unwrap()));
}

#[test]
fn what_lies_in_a_folder_is_of_one_detector() {
    let folder = tempfile::tempdir().unwrap();
    let (out, normal) = (folder.path().join("found"), format!("{BEARING}/normal.npy"));
    let detect = |seed: &str| {
        let out = out.to_str().unwrap();
        wta(&["detect", "--learn", &normal, "--steps", "3", "--seed", seed, "--out", out])
    };
    detect("1").succeeds();
    let first = fs::read(out.join("state.bin")).unwrap();
    // Another process works there.
    let lock = fs::File::create(out.join(".lock")).unwrap();
    lock.lock().unwrap();
    detect("2").fails("is in use");
    assert_eq!(fs::read(out.join("state.bin")).unwrap(), first);
    drop(lock);
    detect("2").succeeds();
    assert_ne!(fs::read(out.join("state.bin")).unwrap(), first);
    assert!(!out.join(".lock").exists());
}

#[test]
fn what_cannot_be_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let normal = format!("{BEARING}/normal.npy");
    wta(&["detect", "--learn", "no/such.npy"]).fails("no/such.npy: is not there");
    wta(&["detect", "--learn", &normal, "--batch", "2000000000"])
        .fails("learns from 2000000000 windows at a time");
    let short = folder.path().join("short.csv");
    fs::write(&short, "1\n2\n3\n").unwrap();
    wta(&["detect", "--learn", short.to_str().unwrap()]).fails("windows for the threshold");
    let two = folder.path().join("two.csv");
    fs::write(&two, "1,2\n3,4\n").unwrap();
    wta(&["detect", "--learn", &normal, "--watch", two.to_str().unwrap()]).fails("two.csv: has 2 channels");
    for (arguments, sentence) in [
        (["--window", "0"], "window"),
        (["--hop", "0"], "next window"),
        (["--units", "0"], "at least one unit"),
        (["--false-alarms", "0"], "false alarms"),
        (["--votes", "5/4"], "k of n"),
        (["--learn-share", "2"], "shares"),
        (["--window", "100000"], "windows for the threshold"),
        (["--saturation", "0.1"], "saturate"),
    ] {
        wta(&[&["detect", "--learn", &normal][..], &arguments].concat()).fails(sentence);
    }
    let usage = wta(&["detect", "--learn", &normal, "--votes", "three"]).finish();
    assert!(usage.code == Some(2) && usage.stderr.contains("is not K/N"), "{usage:?}");
}
