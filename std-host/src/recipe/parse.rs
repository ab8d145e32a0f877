//! From TOML to a checked recipe; an error names the line and the key.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::built_in::{BUILT_IN, names, text};
use super::schema::root;
use super::spanned::{Document, Fault, line_of};
use super::tables::Recipe;
use crate::error::{Error, Result};

/// A recipe is a page of text; what is larger than 1 MiB is something else.
const MOST_BYTES: usize = 1 << 20;

/// The compiled-in recipes.
///
/// # Errors
///
/// None in a tested build: each is parsed in the tests.
pub fn all() -> Result<Vec<Recipe>> {
    BUILT_IN.iter().map(|(name, text)| parse(text, &format!("recipe {name}"))).collect()
}

/// How long a pipe may have no writer.
const PATIENCE: Duration = Duration::from_secs(10);

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
    load_file(path)
}

/// The recipe in a file.
pub(crate) fn load_file(path: &Path) -> Result<Recipe> {
    if path.is_dir() {
        return Err(Error::file(path, "is a folder, not the TOML file of a recipe"));
    }
    let opened = if is_pipe(path) { opened_pipe(path)? } else { File::open(path) };
    read(opened.map_err(|error| Error::io("read", path, error))?, path)
}

fn is_pipe(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        path.metadata().is_ok_and(|found| found.file_type().is_fifo())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// Opens a pipe. The system waits for ever until somebody opens its other end.
fn opened_pipe(path: &Path) -> Result<std::io::Result<File>> {
    let (sender, receiver) = mpsc::channel();
    let pipe = path.to_path_buf();
    // If nobody does, the thread waits until the program ends.
    thread::spawn(move || drop(sender.send(File::open(pipe))));
    receiver.recv_timeout(PATIENCE).map_err(|_| {
        Error::file(path, "is a pipe that nobody writes into; give the recipe as a file, or write it there")
    })
}

/// The recipe that a stream holds, as text in UTF-8, or in UTF-16 with a byte order mark. `name` is that of
/// the stream in errors.
///
/// # Errors
///
/// As for [`load`]; [`Error::Io`] if it cannot be read.
pub fn read(from: impl Read, name: &Path) -> Result<Recipe> {
    let mut bytes = Vec::new();
    // One byte more than is allowed tells that there are more.
    let read = from.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Error::io("read", name, error))?;
    if bytes.len() > MOST_BYTES {
        return Err(Error::file(name, TOO_LARGE));
    }
    let text = text_of(&bytes).map_err(|problem| Error::file(name, problem))?;
    parse(&text, &name.display().to_string())
}

/// Text in UTF-8, or in UTF-16 with a byte order mark, as PowerShell's `>` writes it.
fn text_of(bytes: &[u8]) -> std::result::Result<Cow<'_, str>, String> {
    let (swap, rest) = match bytes {
        [0xff, 0xfe, rest @ ..] => (false, rest),
        [0xfe, 0xff, rest @ ..] => (true, rest),
        bytes => return utf8(bytes).map(Cow::Borrowed),
    };
    let (units, odd) = rest.as_chunks::<2>();
    let unit = |unit: &[u8; 2]| if swap { u16::from_be_bytes(*unit) } else { u16::from_le_bytes(*unit) };
    let text = char::decode_utf16(units.iter().map(unit)).collect::<std::result::Result<String, _>>();
    match text {
        Ok(text) if odd.is_empty() => Ok(Cow::Owned(text)),
        _ => Err("is damaged UTF-16; save it as UTF-8".to_owned()),
    }
}

const TOO_LARGE: &str = "is larger than 1 MiB, so it is no recipe";

fn utf8(bytes: &[u8]) -> std::result::Result<&str, String> {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, 0, _, ..] | [_, 0, _, 0, ..] => {
            Err("is UTF-16, which TOML is not; save it as UTF-8".to_owned())
        }
        _ => std::str::from_utf8(bytes)
            .map_err(|error| format!("is not UTF-8 at byte {}; save it as UTF-8", error.valid_up_to() + 1)),
    }
}

/// Parses a recipe; `origin` names it in errors.
///
/// # Errors
///
/// [`Error::Recipe`] that names the key and its line.
pub fn parse(text: &str, origin: &str) -> Result<Recipe> {
    let wrong = |Fault { line, sentence }: Fault| Error::Recipe {
        origin: origin.to_owned(),
        line: Some(line),
        problem: sentence,
    };
    if text.len() > MOST_BYTES {
        let problem = format!("the text {TOO_LARGE}");
        return Err(Error::Recipe { origin: origin.to_owned(), line: None, problem });
    }
    let document = Document::parse(text).map_err(wrong)?;
    document.check(root()).map_err(wrong)?;
    // The schema describes all that Serde takes; what it should miss is told in Serde's words.
    let recipe: Recipe = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        wrong(Fault { line, sentence: error.message().replace('\n', " ") })
    })?;
    recipe.problem().map_err(|problem| {
        wrong(Fault { line: document.line_of_key(&problem.key), sentence: problem.sentence })
    })?;
    Ok(recipe)
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
        let error = resolved(&demo_with("rate = ", "rate = -")).unwrap_err().to_string();
        assert!(error.contains("training.rate must be more than 0"), "{error}");
        let error = resolved(&demo_with("[sparsity]", "[sparsity]\nper-sample = 0")).unwrap_err().to_string();
        assert!(error.contains("sparsity.per-sample must be at least 1"), "{error}");
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
        for (from, to) in
            [("[network]\n", "[network]\ntied = true\n"), ("}]", "}, { maps = 4, kernel = 3 }]")]
        {
            assert!(patches.contains(from), "{from}");
            parse(&patches.replacen(from, to, 1), "r").unwrap();
        }
        let sentence = "initial = \"patches\" is for autoencoders";
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

    /// A recipe of each kind, with every key that there is.
    fn with_every_key() -> Vec<String> {
        let rest = "
            preprocess = [
                { step = 'contrast', regulariser = 0.5 },
                { step = 'local-contrast', window = 9, deviation = 2.5 },
                { step = 'zca', regulariser = 0.5, samples = 50, patch = [5, 7] },
                { step = 'standardise', per = 'channel', regulariser = 0.5, samples = 50 },
            ]
            sparsity = { KEEP, grid = 2, start = 0.5, falling = 0.75 }
            corruption = { input = 0.25, hidden = 0.5 }
            features = { root = true, signs = 'both', threshold = 'triangle', pool = POOL }
            svm = { c = [0.5, 1.5], lower_layers = 0.5, lower_pool = POOL, scale = 'feature', mirror = true,
                    shift = 2, held_out = 0.25, gap = 0.5 }
            training = { epochs = 2, batch = 50, OPTIMIZER, rate = 0.5, decay = 0.5, seed = 7, held_out = 0.5, patience = 3,
                         clip_gradient = 0.5, clip_inputs = [-0.5, 1.5], limit_inputs = 9.5, bad_samples = 'skip', revive = true }
        ";
        let pool = "{ kernel = 5, stride = [3, 2], whole = true, average = true }";
        let [lower, upper] =
            ["set = 'array', train = 'a.npy', train_labels = 'b.npy'", "set = 'svhn', extra = true"];
        let array =
            format!("{lower}, test = 'c.npy', test_labels = 'd.npy', tensor = 'x', label_tensor = 'y'");
        let table = "set = 'array', train = ['a.csv', 'b.csv'], label_column = 'y', columns = ['x', 2], shape = [1], \
                     layout = 'channels-last', kind = 'signals', class_names = ['a', 'b'], test_share = 0.5, \
                     seed = 3";
        let signals = "set = 'signals', recordings = 'a', test = 'b', window = 8, step = 4, classes = 'file', \
                       split = 'time', test_share = 0.5, seed = 3, columns = ['x'], layout = 'channels-last', \
                       tensor = 'x'";
        let images = "set = 'images', folder = 'x', size = [8, 9], colour = false, labelled = true, shorter_side = 10, \
                      patches = 5, test_share = 0.5, seed = 3, background = 9, on_error = 'skip'";
        let conv = "kind = 'convolutional', encoder = [{ maps = 8, kernel = [3, 5], stride = 2 }], \
                    decoder_kernel = 3, tied = true, initial = 'he'";
        let flat = "kind = 'fully-connected', units = [20], tied = true, initial = { normal = 0.5 }";
        let rbm =
            "kind = 'rbm', hidden = 20, gibbs_steps = 2, persistent = true, mean_bias = true, initial = 'he'";
        let sgd =
            "optimizer = { sgd = { momentum = 0.5 } }, schedule = { step = { at = 0.5, factor = 0.5 } }";
        let adam = "optimizer = 'adam', schedule = 'linear'";
        let recipe = |data: &str, network: &str, keep: &str, optimizer: &str| {
            let rest = rest.replace("KEEP", keep).replace("OPTIMIZER", optimizer).replace("POOL", pool);
            format!(
                "name = 'x'\nabout = 'y'\ndata = {{ {data}, divide_by = 2.5 }}\nnetwork = {{ {network} }}\n{rest}"
            )
        };
        let below = recipe(&array, conv, "lifetime = 0.5", adam);
        let lower = format!("lower_layers = 0.5, lower_pool = {pool}");
        let below = below.replace(&lower, "lower_layers = 0.0");
        let large = format!("large = {{ stride = 4, pool = {pool} }}\n[below]\n{below}");
        let ramps = "optimizer = 'adam', schedule = { ramps = { rise = 0.25, fall = 0.5 } }";
        let dictionary = "dictionary = { centred = true, unit_atoms = true, thresholds = true, \
                          dead_units = { units = 5, after = 9, weight = 0.5 } }\n";
        let dictionary = recipe(upper, flat, "per-batch = 1", ramps)
            .replace("start = 0.5", "start = 2.0")
            .replace("signs = 'both', threshold = 'triangle', ", "")
            .replace(", revive = true", "")
            + dictionary;
        vec![
            dictionary + &large,
            recipe(images, conv, "lifetime = 0.5", sgd) + &large,
            recipe(upper, flat, "per-sample = 1", adam).replace("start = 0.5", "start = 2.0") + &large,
            recipe(table, rbm, "lifetime = 0.5", sgd) + &large,
            recipe(signals, flat, "lifetime = 0.5", sgd) + &large,
        ]
    }

    /// Each number of a recipe with the keys that lead to it.
    fn numbers(value: &toml::Value, path: &str, found: &mut Vec<String>) {
        let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match value {
            toml::Value::Table(table) => {
                table.iter().for_each(|(key, value)| numbers(value, &at(key), found))
            }
            toml::Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(index, item)| numbers(item, &at(&index.to_string()), found));
            }
            toml::Value::Integer(_) | toml::Value::Float(_) => found.push(path.to_owned()),
            _ => {}
        }
    }

    fn place<'v>(value: &'v mut toml::Value, path: &str) -> &'v mut toml::Value {
        path.split('.').fold(value, |value, key| match value {
            toml::Value::Table(table) => table.get_mut(key).unwrap(),
            toml::Value::Array(items) => &mut items[key.parse::<usize>().unwrap()],
            other => panic!("{key} of {other}"),
        })
    }

    #[test]
    fn what_serde_writes_and_reads_is_in_the_schema() {
        for text in with_every_key() {
            let recipe: Recipe = toml::from_str(&text).unwrap();
            let written = recipe.to_toml().unwrap();
            assert_eq!(Document::parse(&text).unwrap().check(root()), Ok(()), "{text}");
            assert_eq!(Document::parse(&written).unwrap().check(root()), Ok(()), "{written}");
            let mut keys = [Vec::new(), Vec::new()];
            numbers(&toml::from_str(&text).unwrap(), "", &mut keys[0]);
            numbers(&toml::from_str(&written).unwrap(), "", &mut keys[1]);
            keys.iter_mut().for_each(|keys| keys.sort());
            assert!(
                keys[0].iter().all(|key| keys[1].contains(key) || key.ends_with("lower_layers")),
                "{keys:?}"
            );
        }
    }

    #[test]
    fn every_key_of_the_schema_is_read_by_serde() {
        use crate::recipe::schema::Node;

        fn keys(node: Node<'_>, path: &str, found: &mut Vec<String>) {
            for table in node.alternatives().into_iter().filter(|one| one.is("object")) {
                for (key, value) in table.keys() {
                    let here = format!("{path}.{key}");
                    found.push(here.clone());
                    if key != "below" {
                        keys(value.items().unwrap_or(value), &here, found);
                    }
                }
            }
        }
        fn used(value: &toml::Value, path: &str, found: &mut Vec<String>) {
            match value {
                toml::Value::Table(table) => {
                    for (key, value) in table {
                        let here = format!("{path}.{key}");
                        found.push(here.clone());
                        used(value, if key == "below" { path } else { &here }, found);
                    }
                }
                toml::Value::Array(items) => items.iter().for_each(|item| used(item, path, found)),
                _ => {}
            }
        }
        let (mut known, mut read) = (Vec::new(), Vec::new());
        keys(root(), "", &mut known);
        for text in with_every_key() {
            used(&toml::from_str(&text).unwrap(), "", &mut read);
        }
        let unread: Vec<_> = known.iter().filter(|key| !read.contains(key)).collect();
        assert!(unread.is_empty(), "with_every_key lacks {unread:?}");
    }

    /// What the schema refuses in a file, [`Recipe::check`] refuses in a program.
    #[test]
    fn the_bounds_of_the_schema_are_those_of_the_checks() {
        let mut tried = 0;
        for text in with_every_key() {
            let whole: toml::Value = toml::from_str(&text).unwrap();
            let mut paths = Vec::new();
            numbers(&whole, "", &mut paths);
            for (path, number) in paths.iter().flat_map(|path| {
                [-1.0, 0.0, 1.0, 1.5, 101.0, 1002.0, 70_000.0, 2e6].map(|number| (path, number))
            }) {
                let mut changed = whole.clone();
                let at = place(&mut changed, path);
                *at = match at {
                    toml::Value::Integer(_) if number == 1.5 || number < 0.0 => continue,
                    toml::Value::Integer(_) => toml::Value::Integer(number as i64),
                    _ => toml::Value::Float(number),
                };
                let text = toml::to_string(&changed).unwrap();
                let Err(fault) = Document::parse(&text).unwrap().check(root()) else { continue };
                let recipe: Recipe = toml::from_str(&text).unwrap();
                let problem = recipe.problem().map_err(|problem| problem.sentence);
                assert!(problem.is_err(), "{path} = {number}: {fault:?}, but the checks take it");
                tried += 1;
            }
        }
        assert!(tried > 100, "{tried}");
    }
}
