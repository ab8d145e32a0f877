//! From TOML to a checked recipe; an error names the line and the key.

use std::path::Path;

use super::built_in::{BUILT_IN, names, text};
use super::tables::Recipe;
use crate::error::{Error, Result};

/// The compiled-in recipes.
///
/// # Errors
///
/// None in a tested build: each is parsed in the tests.
pub fn all() -> Result<Vec<Recipe>> {
    BUILT_IN.iter().map(|(name, text)| parse(text, &format!("recipe {name}"))).collect()
}

/// A compiled-in recipe by its name, or a file by its path.
///
/// # Errors
///
/// One sentence when there is no such recipe or file, or [`Error::Recipe`] with what is wrong in it.
pub fn load(name_or_path: &str) -> Result<Recipe> {
    if let Some(text) = text(name_or_path) {
        return parse(text, &format!("recipe {name_or_path}"));
    }
    let path = Path::new(name_or_path);
    if !path.exists() {
        return Err(Error::Invalid(format!(
            "there is no recipe and no file {name_or_path}; the recipes are {}",
            names().join(", ")
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    parse(&text, &path.display().to_string())
}

/// Parses a recipe; `origin` names it in errors.
///
/// # Errors
///
/// [`Error::Recipe`] that names the key and its line.
pub fn parse(text: &str, origin: &str) -> Result<Recipe> {
    let wrong =
        |line: Option<usize>, problem: String| Error::Recipe { origin: origin.to_owned(), line, problem };
    let recipe: Recipe = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, span.start));
        wrong(line, error.message().replace('\n', " "))
    })?;
    recipe.problem().map_err(|problem| wrong(None, problem.sentence))?;
    Ok(recipe)
}

/// The line, from 1, of a place in the text.
fn line_of(text: &str, place: usize) -> usize {
    text.get(..place).map_or(1, |before| before.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use wta_core::Shape;

    use super::*;
    use crate::data::DataSource;

    fn demo_with(from: &str, to: &str) -> String {
        let text = text("digits-demo").unwrap();
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    }

    #[test]
    fn every_built_in_recipe_is_sound_and_survives_a_round_trip() {
        for ((name, _), recipe) in BUILT_IN.iter().zip(all().unwrap()) {
            assert_eq!(recipe.name, *name);
            recipe.resolve(recipe.data.set.image_shape().unwrap()).unwrap().training(1_000).unwrap();
            assert_eq!(parse(&recipe.to_toml().unwrap(), "again").unwrap(), recipe);
        }
    }

    #[test]
    fn unknown_keys_and_senseless_values_are_named() {
        let error = parse(&demo_with("epochs", "epoch"), "r").unwrap_err().to_string();
        assert!(error.contains("epoch") && error.contains("line"), "{error}");
        let resolved = |text: &str| parse(text, "r").and_then(|r| r.resolve(Shape::new(1, 28, 28)));
        let error =
            resolved(&demo_with("decoder_kernel = 11", "decoder_kernel = 29")).unwrap_err().to_string();
        assert!(error.contains("kernel is larger"), "{error}");
        let made = resolved(&demo_with("rate = ", "rate = -")).unwrap();
        let error = made.training(1_000).unwrap_err().to_string();
        assert!(error.contains("learning rate"), "{error}");
        let made = resolved(&demo_with("[sparsity]", "[sparsity]\nper-sample = 0")).unwrap();
        assert!(made.training(1_000).unwrap_err().to_string().contains("at least 1"));
        for wrong in ["input = 1", "hidden = -0.5", "hidden = nan", "input = 0.2\nnoise = 1"] {
            let table = format!("[corruption]\n{wrong}\n[sparsity]");
            let error = parse(&demo_with("[sparsity]", &table), "r").unwrap_err().to_string();
            let name = wrong.split([' ', '\n']).find(|word| error.contains(*word) && word.len() > 4);
            assert!(name.is_some(), "{wrong}: {error}");
        }
        for (wrong, sentence) in
            [("-0.1", "between 0 and 100"), ("nan", "between 0 and 100"), ("0.5", "is for stacks")]
        {
            let table = format!("[svm]\nlower_layers = {wrong}");
            let error = parse(&demo_with("[svm]", &table), "r").unwrap_err().to_string();
            assert!(error.contains("svm.lower_layers") && error.contains(sentence), "{wrong}: {error}");
        }
        let patches = text("cifar10-stacked").unwrap();
        assert!(resolved(patches).unwrap().recipe().starts_from_patches());
        let sentence = "initial = \"patches\" is for one encoder layer";
        for (from, to) in
            [("[network]\n", "[network]\ntied = true\n"), ("}]", "}, { maps = 4, kernel = 3 }]")]
        {
            assert!(patches.contains(from), "{from}");
            let error = parse(&patches.replacen(from, to, 1), "r").unwrap_err().to_string();
            assert!(error.contains(sentence), "{from}: {error}");
        }
        let rbm = text("mnist-rbm").unwrap().replace("initial = { normal = 0.01 }", "initial = \"patches\"");
        assert!(parse(&rbm, "r").unwrap_err().to_string().contains(sentence));
        let made = resolved(text("digits-demo").unwrap()).unwrap();
        assert!(made.training(3).unwrap_err().to_string().contains("only 3 images"));
    }

    #[test]
    fn data_sets_have_their_own_keys_and_no_others() {
        let data = |text: &str| {
            parse(&demo_with("[data]\nset = \"digits\"", &format!("[data]\n{text}")), "r")
                .map(|recipe| recipe.data)
        };
        let set = |text: &str| data(text).unwrap().set;
        assert_eq!(set("set = 'cifar10'"), DataSource::Cifar10);
        assert_eq!(set("set = 'svhn'"), DataSource::Svhn { extra: false });
        assert_eq!(set("set = 'svhn'\nextra = true"), DataSource::Svhn { extra: true });
        assert_eq!(data("set = 'cifar10'\ndivide_by = 1").unwrap().divide_by, 1.0);
        assert_eq!(data("set = 'array'\ntrain = 'x.npy'").unwrap().divide_by, 1.0);
        let images = data("set = 'images'\nfolder = 'faces'\nsize = [48, 32]\ncolour = false").unwrap();
        assert_eq!((images.set.image_shape(), images.divide_by), (Some(Shape::new(1, 48, 32)), 255.0));
        for (wrong, expected) in [
            ("set = 'cifar10'\nextra = true", "extra"),
            ("set = 'svhn'\nfolder = 'x'", "folder"),
            ("set = 'images'\nfolder = 'x'\nsize = 8\ntrain = 'y'", "train"),
            ("set = 'images'\nfolder = 'x'\nsize = 0", "data.size"),
            ("set = 'images'\nfolder = 'x'", "size"),
            ("set = 'array'\ntrain = 'x.npy'\nextra = true", "extra"),
            ("set = 'cifar'", "cifar"),
            ("divide_by = 2", "set"),
        ] {
            let sentence = data(wrong).unwrap_err().to_string();
            assert!(sentence.contains(expected) && !sentence.contains('\n'), "{wrong}: {sentence}");
        }
    }
}
