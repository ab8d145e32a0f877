//! The JSON schema of recipes, made from the types, and the questions that errors and the reference ask of
//! it.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::tables::Recipe;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Recipe>().to_value();
    tidy(&mut schema);
    // A dialect and a title first, as people expect them.
    let mut ordered = Map::new();
    let dialect = "https://json-schema.org/draft/2020-12/schema";
    ordered.insert("$schema".to_owned(), json!(dialect));
    ordered.insert("title".to_owned(), json!("A recipe of wta"));
    for (word, value) in schema.as_object().into_iter().flatten() {
        ordered.entry(word.clone()).or_insert_with(|| value.clone());
    }
    Value::Object(ordered)
});

/// The JSON schema (draft 2020-12) of a recipe's TOML, from which editors complete and check keys.
pub fn schema() -> Value {
    SCHEMA.clone()
}

/// The schema of a whole recipe.
pub(super) fn root() -> Node<'static> {
    Node { root: &SCHEMA, at: &SCHEMA }
}

/// TOML knows no null, and no sizes of numbers.
fn tidy(value: &mut Value) {
    if let Value::Object(words) = value {
        words.remove("format");
        if words.get("default").is_some_and(Value::is_null) {
            words.remove("default");
        }
        if let Some(Value::Array(types)) = words.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                words.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(alternatives)) = words.get_mut("anyOf") {
            alternatives.retain(|alternative| alternative.get("type") != Some(&json!("null")));
            if let [Value::Object(only)] = alternatives.as_slice() {
                let only = only.clone();
                words.remove("anyOf");
                for (word, value) in only {
                    words.entry(word).or_insert(value);
                }
            }
        }
        if let Some(Value::String(description)) = words.get_mut("description") {
            *description = description.replace('\n', " ");
        }
    }
    match value {
        Value::Object(words) => words.iter_mut().for_each(|(_, value)| tidy(value)),
        Value::Array(values) => values.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// One place of the schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'s> {
    root: &'s Value,
    at: &'s Value,
}

impl<'s> Node<'s> {
    fn to(self, at: &'s Value) -> Self {
        Self { at, ..self }
    }

    /// What is said at this place itself: `description`, `default`, `minimum`.
    pub(super) fn says(self, word: &str) -> Option<&'s Value> {
        self.at.get(word)
    }

    /// A text said at this place itself.
    pub(super) fn text(self, word: &str) -> Option<&'s str> {
        self.says(word).and_then(Value::as_str)
    }

    /// Whether it stands for a whole recipe.
    pub(super) fn is_recipe(self) -> bool {
        std::ptr::eq(self.root, self.resolved().at)
    }

    /// The place it refers to.
    pub(super) fn resolved(self) -> Self {
        let reference = self.text("$ref").and_then(|reference| reference.strip_prefix('#'));
        let target = reference.and_then(|pointer| self.root.pointer(pointer));
        target.map_or(self, |target| self.to(target))
    }

    /// All that may stand here; of what has no alternatives, itself.
    pub(super) fn alternatives(self) -> Vec<Self> {
        let node = self.resolved();
        let several = node.says("oneOf").or_else(|| node.says("anyOf")).and_then(Value::as_array);
        match several {
            None => vec![node],
            Some(several) => several.iter().flat_map(|one| self.to(one).alternatives()).collect(),
        }
    }

    /// Whether it is of this type: `integer`, `object`.
    pub(super) fn is(self, kind: &str) -> bool {
        self.text("type") == Some(kind)
    }

    /// The words that may stand here, of an alternative: `"adam"`.
    pub(super) fn words(self) -> Vec<&'s str> {
        let list = self.says("enum").and_then(Value::as_array).into_iter().flatten();
        list.chain(self.says("const")).filter_map(Value::as_str).collect()
    }

    /// The keys of a table, in their order.
    pub(super) fn keys(self) -> Vec<(&'s str, Self)> {
        let keys = self.says("properties").and_then(Value::as_object).into_iter().flatten();
        keys.map(|(key, value)| (key.as_str(), self.to(value))).collect()
    }

    /// The keys that a table must have.
    pub(super) fn required(self) -> Vec<&'s str> {
        let list = self.says("required").and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).collect()
    }

    /// What a list holds.
    pub(super) fn items(self) -> Option<Self> {
        self.says("items").map(|items| self.to(items))
    }

    /// A number said here: `minimum`.
    pub(super) fn number(self, word: &str) -> Option<f64> {
        self.says(word).and_then(Value::as_f64)
    }

    /// The rule for a number here, as in `be at least 1`; none without bounds.
    pub(super) fn bounds(self) -> Option<String> {
        let (least, most) = (self.number("minimum"), self.number("maximum"));
        let (above, under) = (self.number("exclusiveMinimum"), self.number("exclusiveMaximum"));
        if let (Some(least), Some(most)) = (least, most) {
            return Some(format!("lie between {least} and {most}"));
        }
        let sides = [("at least", least), ("more than", above), ("at most", most), ("less than", under)];
        let rules = sides.iter().filter_map(|(rule, bound)| bound.map(|bound| format!("{rule} {bound}")));
        let rules: Vec<String> = rules.collect();
        (!rules.is_empty()).then(|| format!("be {}", rules.join(" and ")))
    }

    /// Whether a number lies within the bounds; `NaN` lies within none.
    pub(super) fn has(self, number: f64) -> bool {
        self.number("minimum").is_none_or(|least| number >= least)
            && self.number("exclusiveMinimum").is_none_or(|above| number > above)
            && self.number("maximum").is_none_or(|most| number <= most)
            && self.number("exclusiveMaximum").is_none_or(|under| number < under)
    }

    /// What may stand here, in words: `a whole number or [rows, columns]`, `"adam" or { sgd = { momentum =
    /// ... } }`.
    pub(super) fn expected(self) -> String {
        let alternatives = self.alternatives();
        let is_variant = alternatives.iter().any(|one| !one.words().is_empty());
        let mut told: Vec<String> = Vec::new();
        for one in alternatives {
            let words = one.words().into_iter().map(|word| format!("\"{word}\""));
            let words: Vec<String> = words.collect();
            let more = if words.is_empty() { vec![one.kind(is_variant)] } else { words };
            told.extend(more.into_iter().filter(|text| !told.contains(text)).collect::<Vec<_>>());
        }
        either(&told)
    }

    fn kind(self, is_variant: bool) -> String {
        let name = match self.text("type") {
            _ if self.says("title").is_some() && !self.is_recipe() => self.text("title").unwrap_or_default(),
            Some("integer") => "a whole number",
            Some("number") => "a number",
            Some("boolean") => "true or false",
            Some("string") => "text in quotes",
            Some("array") => match self.items() {
                Some(items) if items.alternatives().iter().all(|one| one.is("object")) => "a list of tables",
                Some(items) if items.is("integer") => "a list of whole numbers",
                Some(items) if items.is("string") => "a list of texts",
                Some(items) if items.alternatives().iter().any(|one| one.is("string")) => "a list",
                _ => "a list of numbers",
            },
            Some("object") if is_variant && !self.is_recipe() => return self.form(),
            _ => "a table",
        };
        name.to_owned()
    }

    /// `{ sgd = { momentum = ... } }`
    fn form(self) -> String {
        let keys = self.keys().into_iter().map(|(key, value)| {
            let value = if value.is("object") { value.form() } else { "...".to_owned() };
            format!("{key} = {value}")
        });
        format!("{{ {} }}", keys.collect::<Vec<_>>().join(", "))
    }
}

/// `a, b or c`
pub(super) fn either<T: AsRef<str>>(items: &[T]) -> String {
    listed(items, "or")
}

/// `a, b and c`
pub(super) fn all_of<T: AsRef<str>>(items: &[T]) -> String {
    listed(items, "and")
}

fn listed<T: AsRef<str>>(items: &[T], word: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} {word} {}", first.join(", "), last.as_ref())
        }
    }
}

/// The key that tells the tables apart, which each of them has with a word of its own: `set`, `kind`, `step`.
pub(super) fn tag<'s>(tables: &[Node<'s>]) -> Option<&'s str> {
    let (first, others) = tables.split_first()?;
    let has = |table: &Node<'s>, tag: &str| {
        table.keys().iter().any(|(key, value)| *key == tag && value.says("const").is_some())
    };
    let is_everywhere = |tag: &&str| has(first, tag) && others.iter().all(|table| has(table, tag));
    first.keys().into_iter().map(|(key, _)| key).find(is_everywhere)
}

/// The word by which a table is told apart from others.
pub(super) fn word_of<'s>(table: Node<'s>, tag: &str) -> Option<&'s str> {
    table.keys().into_iter().find(|(key, _)| *key == tag).and_then(|(_, value)| value.text("const"))
}
