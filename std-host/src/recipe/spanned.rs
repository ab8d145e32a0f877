//! A recipe's TOML with the place of each key, checked by the schema before Serde sees it: an error names the
//! line, the key and what may stand there.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::MOST_LAYERS;
use super::schema::{Node, all_of, either, tag, word_of};

/// What is wrong in a text, and in which line, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) sentence: String,
}

type Checked = Result<(), Fault>;

/// A text and its keys.
pub(super) struct Document<'t> {
    text: &'t str,
    root: DeValue<'t>,
}

/// A value, where it begins and which keys lead to it.
struct Place<'a, 't> {
    value: &'a DeValue<'t>,
    start: usize,
    path: String,
}

impl<'t> Document<'t> {
    /// The keys of a TOML text.
    pub(super) fn parse(text: &'t str) -> Result<Self, Fault> {
        match DeTable::parse(text) {
            Ok(root) => Ok(Self { text, root: DeValue::Table(root.into_inner()) }),
            Err(error) => Err(not_toml(text, &error)),
        }
    }

    /// `Ok` when all keys are known, none is missing, and each value is of its kind and within its bounds.
    pub(super) fn check(&self, schema: Node<'_>) -> Checked {
        self.check_value(schema, &Place { value: &self.root, start: 0, path: String::new() })
    }

    /// The line of a key, `training.epochs` or `preprocess.1.regulariser`; where it is not in the text, of
    /// the table that it belongs to.
    pub(super) fn line_of_key(&self, key: &str) -> usize {
        let (mut at, mut start) = (&self.root, 0);
        for part in key.split('.') {
            let next = match at {
                DeValue::Table(table) => {
                    entry(table, part).map(|(key, value)| (value.get_ref(), key.span().start))
                }
                DeValue::Array(array) => {
                    let index = part.parse().ok().and_then(|index: usize| array.get(index));
                    index.map(|value| (value.get_ref(), value.span().start))
                }
                _ => None,
            };
            let Some((value, place)) = next else { break };
            (at, start) = (value, place);
        }
        line_of(self.text, start)
    }

    /// `Ok` when the value of one key of the whole text is what its schema says.
    #[cfg(test)]
    pub(super) fn check_key(&self, key: &str, schema: Node<'_>) -> Checked {
        let DeValue::Table(table) = &self.root else { return Ok(()) };
        let (_, value) = entry(table, key).unwrap();
        self.check_value(schema, &Place { value: value.get_ref(), start: 0, path: key.to_owned() })
    }

    fn fault(&self, start: usize, sentence: impl Into<String>) -> Checked {
        Err(Fault { line: line_of(self.text, start), sentence: sentence.into() })
    }

    fn check_value(&self, schema: Node<'_>, place: &Place<'_, 't>) -> Checked {
        let alternatives = schema.alternatives();
        let find =
            |kinds: &[&str]| alternatives.iter().copied().find(|one| kinds.iter().any(|kind| one.is(kind)));
        match place.value {
            DeValue::Table(table) => {
                let tables: Vec<Node<'_>> =
                    alternatives.iter().copied().filter(|one| one.is("object")).collect();
                match tables.as_slice() {
                    [] => self.wrong_type(schema, place),
                    [one] => self.check_table(*one, None, table, place),
                    several => self.check_tagged(several, table, place),
                }
            }
            DeValue::String(word) => {
                let words: Vec<&str> = alternatives.iter().flat_map(|one| one.words()).collect();
                let any = alternatives.iter().any(|one| one.is("string") && one.words().is_empty());
                match words.contains(&word.as_ref()) {
                    _ if any => Ok(()),
                    true => Ok(()),
                    false if words.is_empty() => self.wrong_type(schema, place),
                    false => self.wrong_word(word, &words, &schema.expected(), place),
                }
            }
            DeValue::Integer(number) => match find(&["integer", "number"]) {
                None => self.wrong_type(schema, place),
                Some(one) => match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => self.check_bounds(one, number as f64, place),
                    Err(_) => self.fault(place.start, format!("{} is too large a number", place.path)),
                },
            },
            DeValue::Float(number) => match (find(&["number"]), number.as_str().parse()) {
                (Some(one), Ok(number)) => self.check_bounds(one, number, place),
                _ => self.wrong_type(schema, place),
            },
            DeValue::Boolean(_) if find(&["boolean"]).is_some() => Ok(()),
            DeValue::Array(array) => match find(&["array"]) {
                None => self.wrong_type(schema, place),
                Some(list) => {
                    let (least, most) = (list.number("minItems"), list.number("maxItems"));
                    if most.is_some_and(|most| array.len() as f64 > most) {
                        return self.wrong_type(schema, place);
                    }
                    if least.is_some_and(|least| (array.len() as f64) < least) {
                        let path = &place.path;
                        return match most {
                            Some(_) => self.wrong_type(schema, place),
                            None => self.fault(place.start, format!("{path} must list at least one value")),
                        };
                    }
                    let Some(items) = list.items() else { return Ok(()) };
                    array.iter().enumerate().try_for_each(|(index, item)| {
                        let path = format!("{}.{index}", place.path);
                        self.check_value(
                            items,
                            &Place { value: item.get_ref(), start: item.span().start, path },
                        )
                    })
                }
            },
            DeValue::Boolean(_) | DeValue::Datetime(_) => self.wrong_type(schema, place),
        }
    }

    /// A table of which there are several kinds: the one that its word names.
    fn check_tagged(&self, tables: &[Node<'_>], table: &DeTable<'t>, place: &Place<'_, 't>) -> Checked {
        let name = name_of(&place.path);
        let Some(tag) = tag(tables) else { return self.check_variants(tables, table, place) };
        let words: Vec<&str> = tables.iter().filter_map(|table| word_of(*table, tag)).collect();
        let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        let expected = either(&quoted);
        let Some((key, value)) = entry(table, tag) else {
            return self.fault(place.start, format!("{name} lacks the key {tag}, which is {expected}"));
        };
        let path = joined(&place.path, tag);
        let place_of_word = Place { value: value.get_ref(), start: key.span().start, path };
        let DeValue::String(word) = value.get_ref() else {
            let found = found(value.get_ref());
            let sentence = format!("{} must be {expected}, and not {found}", place_of_word.path);
            return self.fault(place_of_word.start, sentence);
        };
        match tables.iter().find(|table| word_of(**table, tag) == Some(word.as_ref())) {
            Some(one) => self.check_table(*one, Some((tag, word)), table, place),
            None => self.wrong_word(word, &words, &expected, &place_of_word),
        }
    }

    /// A table of which there are several kinds, each with one key of its own: `{ step = ... }`.
    fn check_variants(&self, tables: &[Node<'_>], table: &DeTable<'t>, place: &Place<'_, 't>) -> Checked {
        let name = name_of(&place.path);
        let known: Vec<&str> = tables.iter().flat_map(|one| one.keys()).map(|(key, _)| key).collect();
        if let Some((key, _)) = table.iter().find(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            let (told, hint) = (short(key.get_ref()), did_you_mean(key.get_ref(), &known, ""));
            let sentence = format!("{name} has no key {told}{hint}; its keys are {}", all_of(&known));
            return self.fault(key.span().start, sentence);
        }
        let has = |one: &&Node<'_>| one.keys().iter().any(|(key, _)| entry(table, key).is_some());
        match tables.iter().filter(has).collect::<Vec<_>>().as_slice() {
            [one] => self.check_table(**one, None, table, place),
            _ => self.fault(place.start, format!("{name} takes one of the keys {}", either(&known))),
        }
    }

    fn check_table(
        &self,
        schema: Node<'_>,
        kind: Option<(&str, &str)>,
        table: &DeTable<'t>,
        place: &Place<'_, 't>,
    ) -> Checked {
        let path = place.path.as_str();
        if schema.is_recipe() && path.split('.').filter(|part| *part == "below").count() >= MOST_LAYERS {
            let sentence = format!("below is nested too deeply: a stack has at most {MOST_LAYERS} layers");
            return self.fault(place.start, sentence);
        }
        let name = match kind {
            Some((tag, word)) => format!("{} with {tag} = \"{word}\"", name_of(path)),
            None => name_of(path).to_owned(),
        };
        let known = schema.keys();
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, value)| key.span().start.min(value.span().start));
        let schema_of = |key: &str| known.iter().find(|(name, _)| *name == key).map(|(_, schema)| *schema);
        if let Some((key, _)) = entries.iter().find(|(key, _)| schema_of(key.get_ref()).is_none()) {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let told = short(key.get_ref());
            let hint = did_you_mean(key.get_ref(), &names, "");
            let sentence = format!("{name} has no key {told}{hint}; its keys are {}", all_of(&names));
            return self.fault(key.span().start, sentence);
        }
        let missing: Vec<&str> =
            schema.required().into_iter().filter(|key| entry(table, key).is_none()).collect();
        if !missing.is_empty() {
            let keys = if missing.len() == 1 { "key" } else { "keys" };
            let sentence = match table.is_empty() && path.is_empty() {
                true => format!("the recipe is empty; it needs the {keys} {}", all_of(&missing)),
                false => format!("{name} lacks the {keys} {}", all_of(&missing)),
            };
            return self.fault(place.start, sentence);
        }
        entries.iter().try_for_each(|(key, value)| {
            let Some(schema) = schema_of(key.get_ref()) else { return Ok(()) };
            let path = joined(path, key.get_ref());
            self.check_value(schema, &Place { value: value.get_ref(), start: key.span().start, path })
        })
    }

    fn check_bounds(&self, schema: Node<'_>, number: f64, place: &Place<'_, 't>) -> Checked {
        match schema.bounds() {
            Some(rule) if !schema.has(number) => {
                self.fault(place.start, format!("{} must {rule}", place.path))
            }
            _ if !number.is_finite() => {
                self.fault(place.start, format!("{} must be a finite number", place.path))
            }
            _ => Ok(()),
        }
    }

    fn wrong_type(&self, schema: Node<'_>, place: &Place<'_, 't>) -> Checked {
        let (expected, found) = (schema.expected(), found(place.value));
        let sentence = format!("{} must be {expected}, and not {found}", name_of(&place.path));
        self.fault(place.start, sentence)
    }

    fn wrong_word(&self, word: &str, words: &[&str], expected: &str, place: &Place<'_, 't>) -> Checked {
        let hint = did_you_mean(word, words, "\"");
        let (path, word) = (&place.path, short(word));
        self.fault(place.start, format!("{path} = \"{word}\" is not known{hint}; it is {expected}"))
    }
}

type Entry<'a, 't> = (&'a Spanned<std::borrow::Cow<'t, str>>, &'a Spanned<DeValue<'t>>);

fn entry<'a, 't>(table: &'a DeTable<'t>, key: &str) -> Option<Entry<'a, 't>> {
    table.iter().find(|(name, _)| name.get_ref() == key)
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn name_of(path: &str) -> &str {
    if path.is_empty() { "the recipe" } else { path }
}

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "this list",
        DeValue::Table(_) => "a table",
    }
}

/// A word of the text, such that it keeps an error to one line.
fn short(word: &str) -> String {
    let kept: String = word.chars().take(40).collect();
    let kept = kept.escape_debug().to_string();
    if word.chars().count() > 40 { format!("{kept}...") } else { kept }
}

fn did_you_mean(word: &str, known: &[&str], quote: &str) -> String {
    // Longer words are no slips of the fingers.
    if word.len() > 64 {
        return String::new();
    }
    let nearest = known.iter().map(|known| (distance(word, known), *known)).min_by_key(|(far, _)| *far);
    match nearest {
        Some((1..=2, known)) if known.len() > 2 => format!(" (did you mean {quote}{known}{quote}?)"),
        _ => String::new(),
    }
}

/// How many letters have to be put in, left out or changed (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.chars().enumerate() {
        let mut left = index + 1;
        let mut next = vec![left];
        for ((other, above), diagonal) in to.iter().zip(row.iter().skip(1)).zip(&row) {
            left = (diagonal + usize::from(letter != *other)).min(left + 1).min(above + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

fn not_toml(text: &str, error: &toml::de::Error) -> Fault {
    let message = error.message().replace('\n', " ");
    if message.contains("recurs") {
        let dots = |line: &str| line.matches(['.', '[', '{']).count();
        let lines = text.lines().enumerate();
        let deepest = lines.max_by_key(|(_, line)| dots(line)).map_or(0, |(index, _)| index);
        return Fault { line: deepest + 1, sentence: "tables and lists are nested too deeply".to_owned() };
    }
    let span: Range<usize> = error.span().unwrap_or_default();
    let there = text.get(span.clone()).filter(|there| !there.trim().is_empty() && there.len() <= 40);
    let there = there.map_or(String::new(), |there| format!(", at {}", short(there)));
    Fault { line: line_of(text, span.start), sentence: format!("this is not TOML: {message}{there}") }
}

/// The line, from 1, of a place in the text.
pub(super) fn line_of(text: &str, place: usize) -> usize {
    text.get(..place).map_or(1, |before| before.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::schema::root;
    use crate::recipe::{load, names, parse, text};

    /// A recipe with a key on each line, of which the tests change one.
    const WHOLE: &str = "name = 'own'
about = 'for the tests'
[data]
set = 'images'
folder = 'faces'
size = [48, 32]
on_error = 'skip'
[[preprocess]]
step = 'contrast'
[[preprocess]]
step = 'zca'
regulariser = 0.1
[network]
kind = 'convolutional'
encoder = [
    { maps = 8, kernel = 5 },
    { maps = 8, kernel = 3, stride = 2 },
]
decoder_kernel = 7
initial = { normal = 0.01 }
[sparsity]
lifetime = 0.2
[training]
epochs = 1
batch = 10
optimizer = { sgd = { momentum = 0.9 } }
rate = 1e-3
schedule = { step = { at = 0.5, factor = 0.1 } }
[features.pool]
kernel = 3
stride = 2
[below]
name = 'lower'
about = 'below'
data = { set = 'images', folder = 'faces', size = [48, 32], on_error = 'skip' }
preprocess = [{ step = 'contrast' }, { step = 'zca', regulariser = 0.1 }]
sparsity.lifetime = 0.2
network.kind = 'convolutional'
network.encoder = [{ maps = 8, kernel = 5 }]
network.decoder_kernel = 5
network.initial = 'he'
[below.training]
epochs = 1
batch = 10
optimizer = 'adam'
rate = 1e-3
";

    fn told(from: &str, to: &str) -> String {
        assert!(WHOLE.contains(from), "{from}");
        let sentence = parse(&WHOLE.replacen(from, to, 1), "r.toml").unwrap_err().to_string();
        assert!(!sentence.contains('\n'), "{sentence}");
        sentence
    }

    #[test]
    fn the_right_line_the_key_and_what_may_stand_there() {
        parse(WHOLE, "r").unwrap();
        for (from, to, expected) in [
            (
                "epochs",
                "epoch",
                "line 24: training has no key epoch (did you mean epochs?); its keys are epochs, batch,",
            ),
            ("epochs = 1\nbatch = 10\n", "", "line 23: training lacks the keys epochs and batch"),
            (
                "epochs = 1",
                "epochs = 1.5",
                "line 24: training.epochs must be a whole number, and not a number with a point",
            ),
            ("epochs = 1", "epochs = -1", "line 24: training.epochs must lie between 0 and 1000000000"),
            ("rate = 1e-3", "rate = '1e-3'", "line 27: training.rate must be a number, and not text"),
            ("rate = 1e-3", "rate = -1", "line 27: training.rate must be more than 0 and at most 1000000"),
            ("rate = 1e-3", "rate = 0.5\ndecay = 3", "line 28: training.decay must be at most 1"),
            (
                "'images'",
                "'image'",
                "line 4: data.set = \"image\" is not known (did you mean \"images\"?); it is \"digits\",",
            ),
            ("set = 'images'", "", "line 3: data lacks the key set, which is \"digits\","),
            ("set = 'images'", "set = 3", "line 4: data.set must be \"digits\","),
            (
                "'images'",
                "'mnist'",
                "line 5: data with set = \"mnist\" has no key folder; its keys are set and divide_by",
            ),
            (
                "[48, 32]",
                "[48]",
                "line 6: data.size must be a whole number or [rows, columns], and not this list",
            ),
            ("[48, 32]", "[48, 0]", "line 6: data.size.1 must be at least 1"),
            ("[48, 32]", "[48, 100000]", "line 6: data.size must lie between 1 and 65536"),
            (
                "'skip'",
                "'go on'",
                "line 7: data.on_error = \"go on\" is not known; it is \"refuse\" or \"skip\"",
            ),
            (
                "'zca'",
                "'zcs'",
                "line 11: preprocess.1.step = \"zcs\" is not known (did you mean \"zca\"?); it is \"contrast\",",
            ),
            ("regulariser = 0.1", "regulariser = 0", "line 12: preprocess.1.regulariser must be more than 0"),
            (
                "regulariser = 0.1",
                "regulariser = inf",
                "line 12: preprocess.1.regulariser must be a finite number",
            ),
            (
                "regulariser = 0.1\n",
                "",
                "line 10: preprocess.1 with step = \"zca\" lacks the key regulariser",
            ),
            (
                "'convolutional'",
                "'convolution'",
                "line 14: network.kind = \"convolution\" is not known (did you mean \"convolutional\"?); it is \"fully-connected\", \"convolutional\" or \"rbm\"",
            ),
            (
                "stride = 2 }",
                "strides = 2 }",
                "line 17: network.encoder.1 has no key strides (did you mean stride?); its keys are maps, kernel and stride",
            ),
            (
                "{ maps = 8, kernel = 3",
                "{ maps = 0, kernel = 3",
                "line 17: network.encoder.1.maps must be at least 1",
            ),
            (
                "{ normal = 0.01 }",
                "'hee'",
                "line 20: network.initial = \"hee\" is not known; it is \"he\", \"patches\", \"transposed\" or { normal = ... }",
            ),
            (
                "{ normal = 0.01 }",
                "3",
                "line 20: network.initial must be \"he\", \"patches\", \"transposed\" or { normal = ... }, and not a whole number",
            ),
            (
                "{ sgd = { momentum = 0.9 } }",
                "'adamm'",
                "line 26: training.optimizer = \"adamm\" is not known (did you mean \"adam\"?); it is \"adam\" or { sgd = { momentum = ... } }",
            ),
            (
                "momentum = 0.9",
                "momentum = 1",
                "line 26: training.optimizer.sgd.momentum must be at least 0 and less than 1",
            ),
            (
                "{ step = { at = 0.5, factor = 0.1 } }",
                "{ step = {} }",
                "line 28: training.schedule.step lacks the keys at and factor",
            ),
            (
                "{ step = { at = 0.5, factor = 0.1 } }",
                "{ stepp = {} }",
                "line 28: training.schedule has no key stepp (did you mean step?); its keys are step and ramps",
            ),
            (
                "{ step = { at = 0.5, factor = 0.1 } }",
                "{}",
                "line 28: training.schedule takes one of the keys step or ramps",
            ),
            (
                "{ step = { at = 0.5, factor = 0.1 } }",
                "{ step = { at = 0.5, factor = 0.1 }, ramps = { rise = 0.1, fall = 0.1 } }",
                "line 28: training.schedule takes one of the keys step or ramps",
            ),
            (
                "{ step = { at = 0.5, factor = 0.1 } }",
                "{ ramps = { rise = 0.7, fall = 0.6 } }",
                "line 28: training.schedule.ramps must be shares of all steps, together at most 1",
            ),
            (
                "lifetime = 0.2",
                "lifetime = 0.2\nper-sample = 2",
                "line 21: sparsity takes one of lifetime, per-sample and per-batch",
            ),
            (
                "[features.pool]\nkernel",
                "[features.pool]\nkern",
                "line 30: features.pool has no key kern (did you mean kernel?)",
            ),
            (
                "[features.pool]",
                "[feature.pool]",
                "line 29: the recipe has no key feature (did you mean features?)",
            ),
            (
                "sparsity.lifetime = 0.2",
                "sparsity.lifetime = 0",
                "line 37: below.sparsity.lifetime must be more than 0",
            ),
            (
                "sparsity.lifetime = 0.2",
                "sparsity.start = 0.2",
                "line 37: below: sparsity.start needs lifetime",
            ),
            (
                "folder = 'faces', size",
                "folder = 'other', size",
                "line 35: below has another [data] than this recipe",
            ),
            (
                "[below.training]\nepochs = 1",
                "[below.training]\nepochs = true",
                "line 43: below.training.epochs must be a whole number",
            ),
            (
                "[below]",
                "[svm]\nlower_layers = 101\n[below]",
                "line 33: svm.lower_layers must lie between 0 and 100",
            ),
            ("name = 'own'", "name = 7", "line 1: name must be text in quotes, and not a whole number"),
            (
                "name = 'own'",
                "name = 'own'\ndata.set = 1",
                "line 4: this is not TOML: duplicate key, at data",
            ),
        ] {
            let sentence = told(from, to);
            assert!(
                sentence.starts_with(&format!("r.toml, {expected}")),
                "{from} -> {to}:\n{sentence}\n{expected}"
            );
        }
        assert!(
            told(WHOLE, "")
                .starts_with("r.toml, line 1: the recipe is empty; it needs the keys name, about, data")
        );
        assert!(told(WHOLE, "# x\n\n").starts_with("r.toml, line 1: the recipe is empty"));
        assert!(
            told(WHOLE, "name = 'x'")
                .starts_with("r.toml, line 1: the recipe lacks the keys about, data, network,")
        );
        let stack = "[below]\n".to_owned() + WHOLE.split_once("[below]\n").unwrap().1;
        let sentence = told(&stack, "[below]\n");
        assert!(
            sentence.starts_with("r.toml, line 32: below lacks the keys name, about, data, network"),
            "{sentence}"
        );
        let word = WHOLE.replace(&stack, "").replace("about =", "below = 'mnist-conv61'\nabout =");
        let sentence = parse(&word, "r.toml").unwrap_err().to_string();
        let expected =
            "r.toml, line 2: below = \"mnist-conv61\" is not known (did you mean \"mnist-conv16\"?)";
        assert!(sentence.starts_with(expected), "{sentence}");
    }

    #[test]
    fn every_way_of_writing_a_key_has_its_line() {
        let text = "a.b = 1\r\n[[list]]\r\nx = 1\r\n[[list]]\r\nx = 2\r\ny = { z = [\r\n1,\r\n2] }\r\n";
        let document = Document::parse(text).unwrap();
        for (key, line) in [
            ("a.b", 1),
            ("a.c", 1),
            ("list", 2),
            ("list.0.x", 3),
            ("list.1.x", 5),
            ("list.1.y.z.1", 8),
            ("list.1.none", 4),
            ("none.x", 1),
            ("", 1),
        ] {
            assert_eq!(document.line_of_key(key), line, "{key}");
        }
    }

    #[test]
    fn whatever_the_file_it_is_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let load = |bytes: &[u8]| {
            let file = folder.path().join("r.toml");
            std::fs::write(&file, bytes).unwrap();
            load(file.to_str().unwrap()).map_err(|error| error.to_string())
        };
        let demo = text("digits-demo").unwrap();
        assert_eq!(load(("\u{feff}".to_owned() + demo).as_bytes()).unwrap(), load(demo.as_bytes()).unwrap());
        assert_eq!(load(demo.replace('\n', "\r\n").as_bytes()).unwrap(), load(demo.as_bytes()).unwrap());
        let with_bom = "\u{feff}".to_owned() + &demo.replace('\n', "\r\n").replace("epochs", "epoch");
        let line = demo.lines().position(|line| line.starts_with("epochs")).unwrap() + 1;
        assert!(
            load(with_bom.as_bytes())
                .unwrap_err()
                .contains(&format!("line {line}: training has no key epoch"))
        );
        let utf16: Vec<u8> = demo.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let deep = |count: usize| "below.".repeat(count);
        for (bytes, expected) in [
            (utf16.clone(), "is UTF-16"),
            ([&[0xff, 0xfe], &utf16[..utf16.len() - 1]].concat(), "is damaged UTF-16"),
            ([&[0xff, 0xfe], &utf16[..], &[0, 0xdc]].concat(), "is damaged UTF-16"),
            (b"name = '\xe4'".to_vec(), "is not UTF-8 at byte 9; save it as UTF-8"),
            (vec![b'#'; (1 << 20) + 1], "is larger than 1 MiB"),
            (vec![b'['; 1 << 20], "this is not TOML"),
            (vec![0; 100], "UTF-16"),
            (b"name = ".to_vec(), "line 1: this is not TOML"),
            (b"\nname = 'x'\nname = 'y'".to_vec(), "line 3: this is not TOML: duplicate key, at name"),
            (b"a = [1,\n\n".to_vec(), "this is not TOML"),
            (
                format!("\n{}name = 1", deep(100)).into_bytes(),
                "line 2: tables and lists are nested too deeply",
            ),
            (
                format!("\n[{}x]", deep(100_000)).into_bytes(),
                "line 2: tables and lists are nested too deeply",
            ),
            (
                format!("a = {}", "[".repeat(500_000)).into_bytes(),
                "line 1: tables and lists are nested too deeply",
            ),
            (
                format!("a = {}", "{a=".repeat(100_000)).into_bytes(),
                "line 1: tables and lists are nested too deeply",
            ),
            ("\"a\\nb\" = 1".into(), "line 1: the recipe has no key a\\nb; its keys are"),
        ] {
            let sentence = load(&bytes).unwrap_err();
            assert!(sentence.contains(expected) && !sentence.contains('\n'), "{expected}: {sentence}");
            assert!(sentence.contains("r.toml") && sentence.len() < 2_000, "{sentence}");
        }
        let sentence = crate::recipe::load(folder.path().to_str().unwrap()).unwrap_err().to_string();
        assert!(sentence.contains("is a folder"), "{sentence}");
    }

    #[test]
    fn a_stack_has_a_bounded_depth() {
        let stack = |layers: usize| {
            let demo = text("digits-demo").unwrap().replace('[', "[BELOW.").replace("= [BELOW.", "= [");
            (0..layers)
                .map(|layer| {
                    let below = "below.".repeat(layer);
                    let top = "name = 'x'\nabout = 'y'\n";
                    let header = if layer == 0 {
                        String::new()
                    } else {
                        format!("[{}]\n", below.trim_end_matches('.'))
                    };
                    let tables = demo.split_once("[BELOW.data]").unwrap().1;
                    let tables = tables.replace("[BELOW.", &format!("[{below}"));
                    format!("{header}{top}[{below}data]{tables}\n")
                })
                .collect::<String>()
        };
        let sentence = |layers| parse(&stack(layers), "r").unwrap_err().to_string();
        for layers in [17, 30, 70] {
            assert!(
                sentence(layers).contains("below is nested too deeply: a stack has at most 16 layers"),
                "{}",
                sentence(layers)
            );
        }
        assert!(sentence(100).contains("nested too deeply"));
        let fits = parse(&stack(16), "r");
        assert!(fits.as_ref().is_ok_and(|recipe| recipe.layers().len() == 16), "{fits:?}");
        let recipe = (0..16).fold(fits.unwrap(), |below, _| {
            let mut recipe = load("digits-demo").unwrap();
            recipe.below = Some(Box::new(below));
            recipe
        });
        assert!(recipe.check().unwrap_err().to_string().contains("at most 16 layers"));
    }

    #[test]
    fn built_in_recipes_and_what_is_written_obey_the_schema() {
        for name in names() {
            let recipe = load(name).unwrap();
            for text in [text(name).unwrap().to_owned(), recipe.to_toml().unwrap()] {
                let document = Document::parse(&text).unwrap();
                assert_eq!(document.check(root()), Ok(()), "{name}");
            }
        }
    }
}
