//! `wta recipes`: the reference, the schema, and what is said about recipes with mistakes.

use crate::support::{Folder, wta};

#[test]
fn the_reference_is_the_page_in_docs() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/recipes.md")).unwrap();
    assert!(wta(&["recipes", "--reference"]).succeeds().stdout == page, "docs/recipes.md is stale");
}

#[test]
fn the_schema_has_the_tables_and_their_keys() {
    let text = wta(&["recipes", "--schema"]).succeeds().stdout;
    let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for table in
        ["data", "preprocess", "network", "sparsity", "corruption", "training", "features", "svm", "below"]
    {
        assert!(schema["properties"][table]["description"].is_string(), "{table}");
    }
    assert_eq!(schema["additionalProperties"], false);
    let epochs = schema.pointer("/$defs/TrainingRecipe/properties/epochs").unwrap();
    assert_eq!((&epochs["type"], &epochs["minimum"]), (&"integer".into(), &0.into()));
    assert!(!text.contains("null"), "TOML has no null");
}

#[test]
fn only_one_thing_is_printed() {
    for arguments in [
        &["recipes", "--reference", "--schema"][..],
        &["recipes", "--schema", "digits-demo"],
        &["recipes", "digits-demo", "--reference"],
    ] {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_wta")).args(arguments).output().unwrap();
        assert_eq!(out.status.code(), Some(2), "{arguments:?}");
    }
    let help = wta(&["recipes", "--help"]).succeeds().stdout;
    assert!(help.contains("--schema > recipe.schema.json") && help.contains("--reference"), "{help}");
}

#[test]
fn each_of_three_mistakes_is_told_with_its_line_its_key_and_what_may_stand_there() {
    let folder = Folder::new();
    let mut text = wta(&["recipes", "digits-demo"]).succeeds().stdout;
    let mistakes = [
        (
            "epochs =",
            "epoch =",
            "training has no key epoch (did you mean epochs?); its keys are epochs, batch, optimizer",
        ),
        (
            "\"convolutional\"",
            "\"conv\"",
            "network.kind = \"conv\" is not known; it is \"fully-connected\", \"convolutional\" or \"rbm\"",
        ),
        ("rate = ", "rate = -", "training.rate must be more than 0 and at most 1000000"),
    ];
    for (right, wrong, _) in mistakes {
        assert!(text.contains(right), "{right}");
        text = text.replace(right, wrong);
    }
    // Each is mended when it has been told, in the order of the text.
    let line_of = |text: &str, part: &str| text.lines().position(|line| line.contains(part)).unwrap() + 1;
    let mut left = mistakes.to_vec();
    left.sort_by_key(|(_, wrong, _)| line_of(&text, wrong));
    for (right, wrong, sentence) in left {
        let recipe = folder.write("mine.toml", &text);
        let expected = format!("mine.toml, line {}: {sentence}", line_of(&text, wrong));
        wta(&["train", &recipe, "--run", &folder.path("run")]).fails(&expected);
        text = text.replace(wrong, right);
    }
    assert!(!folder.exists("run"));
}

#[test]
fn a_file_that_is_no_recipe_is_told_so() {
    let folder = Folder::new();
    let run = folder.path("run");
    std::fs::write(folder.path("latin1.toml"), b"name = \"\xfc\"").unwrap();
    std::fs::create_dir(folder.path("folder.toml")).unwrap();
    folder.write("empty.toml", "# nothing\n");
    for (name, sentence) in [
        ("latin1.toml", "latin1.toml: is not UTF-8 at byte 9; save it as UTF-8"),
        ("folder.toml", "folder.toml: is a folder"),
        ("empty.toml", "empty.toml, line 1: the recipe is empty; it needs the keys name, about, data,"),
    ] {
        wta(&["train", &folder.path(name), "--run", &run]).fails(sentence);
    }
}
