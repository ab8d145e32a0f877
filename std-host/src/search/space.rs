//! The search space: keys of a recipe, values for each key, and all combinations of the values.

use toml::{Table, Value};

use crate::error::{Error, Result, Setting};
use crate::recipe::{self, Recipe};

/// More combinations must be a mistake.
const MOST: usize = 10_000;

/// No recipe is nested so deeply.
const MOST_DEPTH: usize = 32;

/// Keys that cannot vary: the samples are loaded only once, and errors on different held-out parts cannot be
/// compared.
const FIXED: [&str; 4] = ["name", "about", "data", "svm.held_out"];

/// One key of a recipe and the values to try.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The key, with dots between its parts, as in `training.rate` or `network.encoder.0.maps`.
    pub key: String,
    /// The values, at least one.
    pub values: Vec<Value>,
}

impl Axis {
    /// Parses `KEY=VALUE,VALUE,...`; the values are written as in TOML.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`], which quotes the text and says how to write it.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: &str| Error::setting_is(Setting::Axis, text, what);
        let (key, values) = text
            .split_once('=')
            .ok_or_else(|| wrong("write KEY=VALUE,VALUE, as in training.rate=1e-3,2e-3"))?;
        let key = key.trim().to_owned();
        if key.split('.').any(str::is_empty) {
            return Err(wrong("the key is empty; write KEY=VALUE,VALUE, as in training.rate=1e-3,2e-3"));
        }
        if key.split('.').count() > MOST_DEPTH || depth(values) > MOST_DEPTH {
            return Err(wrong("this is nested more deeply than any recipe"));
        }
        let is_fixed = FIXED.iter().any(|fixed| {
            key.strip_prefix(fixed).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if is_fixed {
            return Err(wrong("this key must be the same for all combinations; edit the recipe instead"));
        }
        let parsed: Option<Table> = toml::from_str(&format!("values = [{values}]")).ok();
        // A line break in the values could add more keys to the table.
        match parsed.filter(|table| table.len() == 1).and_then(|mut table| table.remove("values")) {
            Some(Value::Array(values)) if !values.is_empty() => Ok(Self { key, values }),
            _ => Err(wrong(
                "the values are not TOML; separate them by commas and quote words, as in \"linear\"",
            )),
        }
    }
}

/// How deeply brackets are nested.
fn depth(text: &str) -> usize {
    let (mut depth, mut most) = (0usize, 0);
    for c in text.chars() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

/// A recipe with one value of each axis.
#[derive(Clone, Debug)]
pub struct Combination {
    /// The values as TOML, in the order of the axes.
    pub values: Vec<String>,
    /// The recipe.
    pub recipe: Recipe,
}

/// All combinations of the values; the last axis changes fastest.
///
/// # Errors
///
/// One sentence that names the combination whose recipe makes no sense, or the key that is given twice; also
/// if there are too many combinations.
pub fn combinations(base: &Recipe, axes: &[Axis]) -> Result<Vec<Combination>> {
    for (index, axis) in axes.iter().enumerate() {
        if axes.iter().take(index).any(|other| other.key == axis.key) {
            let problem = "the key is given twice; list all its values at once";
            return Err(Error::setting_is(Setting::Axis, &axis.key, problem));
        }
    }
    let count = axes.iter().try_fold(1usize, |count, axis| count.checked_mul(axis.values.len()));
    if count.is_none_or(|count| count > MOST) {
        return Err(Error::Invalid(format!("these are more than {MOST} combinations; try fewer values")));
    }
    let text = base.to_toml()?;
    let table: Table = toml::from_str(&text).map_err(|error| Error::Invalid(error.to_string()))?;
    let mut tables = vec![(Vec::new(), Value::Table(table))];
    for axis in axes {
        let mut longer = Vec::with_capacity(tables.len() * axis.values.len());
        for (values, table) in &tables {
            for value in &axis.values {
                let mut table = table.clone();
                set(&mut table, &axis.key, value)?;
                longer.push(([&values[..], &[value.to_string()]].concat(), table));
            }
        }
        tables = longer;
    }
    let recipe = |(values, table): (Vec<String>, Value)| {
        let origin = format!("recipe {} with {}", base.name, settings(axes, &values));
        let text = toml::to_string(&table).map_err(|error| Error::Invalid(format!("{origin}: {error}")))?;
        let recipe = recipe::parse(&text, &origin).map_err(|error| match error {
            // The line refers to this text, which the user has never seen.
            Error::Recipe { origin, problem, .. } => Error::Recipe { origin, line: None, problem },
            error => error,
        })?;
        Ok(Combination { values, recipe })
    };
    tables.into_iter().map(recipe).collect()
}

/// A combination in words: `training.rate = 0.001, sparsity.lifetime = 0.05`.
pub fn settings(axes: &[Axis], values: &[String]) -> String {
    let pairs: Vec<String> =
        axes.iter().zip(values).map(|(axis, value)| format!("{} = {value}", axis.key)).collect();
    if pairs.is_empty() { "its own settings".to_owned() } else { pairs.join(", ") }
}

/// Sets the key, and creates missing tables on the way to it.
fn set(to: &mut Value, key: &str, value: &Value) -> Result<()> {
    let mut at = to;
    for part in key.split('.') {
        let next = match at {
            Value::Table(table) => Some(table.entry(part).or_insert_with(|| Value::Table(Table::new()))),
            Value::Array(array) => part.parse::<usize>().ok().and_then(|index| array.get_mut(index)),
            _ => None,
        };
        at = next.ok_or_else(|| {
            Error::setting_is(Setting::Axis, key, format!("the recipe has no place for {part}"))
        })?;
    }
    *at = value.clone();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo() -> Recipe {
        recipe::load("digits-demo").unwrap()
    }

    fn axes(texts: &[&str]) -> Vec<Axis> {
        texts.iter().map(|text| Axis::parse(text).unwrap()).collect()
    }

    #[test]
    fn every_combination_is_there_once_in_order() {
        let axes = axes(&["training.rate=1e-3,2e-3", "sparsity.lifetime=0.1,0.2,0.3"]);
        let all = combinations(&demo(), &axes).unwrap();
        assert_eq!(all.len(), 6);
        assert_eq!(all[1].values, ["0.001", "0.2"]);
        assert_eq!(settings(&axes, &all[5].values), "training.rate = 0.002, sparsity.lifetime = 0.3");
        assert_eq!((all[5].recipe.training.rate, all[5].recipe.sparsity.lifetime), (2e-3, Some(0.3)));
        assert_eq!(all[0].recipe.network, demo().network);
        let own = combinations(&demo(), &[]).unwrap();
        assert_eq!((own.len(), &own[0].recipe), (1, &demo()));
    }

    #[test]
    fn tables_lists_and_words_are_values_too() {
        let axes = axes(&[
            "network.encoder.0.maps=3",
            "network.initial=\"he\",{ normal = 0.01 }",
            "svm.c=[1.0, 2.0],[3.0]",
            "corruption.hidden=0.5",
        ]);
        let all = combinations(&demo(), &axes).unwrap();
        assert_eq!(all.len(), 4);
        assert_eq!((all[3].recipe.svm.c.clone(), all[3].recipe.corruption.hidden), (vec![3.0], 0.5));
        let resolved = all[3].recipe.resolve(wta_core::Shape::new(1, 28, 28)).unwrap();
        assert_eq!(resolved.network().layer(0).unwrap().conv.maps, 3);
        assert_eq!(resolved.initial(), wta_core::Initial::Normal(0.01));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (text, problem) in [
            ("training.rate", "write KEY=VALUE"),
            ("=1", "the key is empty"),
            ("training..rate=1", "the key is empty"),
            ("training.rate=", "the values are not TOML"),
            ("training.schedule=linear", "quote words"),
            ("training.rate=1]\nother = [2", "the values are not TOML"),
            ("data.divide_by=1.0", "the same for all combinations"),
            ("svm.held_out=0.5", "the same for all combinations"),
        ] {
            let error = Axis::parse(text).unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains(&text.replace('\n', "\\n")), "{error}");
        }
        for (texts, problem) in [
            (
                &["training.speed=1"][..],
                "training.speed = 1: training has no key speed (did you mean seed?); its keys are epochs",
            ),
            (&["training.rate=\"fast\""], "rate = \"fast\": training.rate must be a number, and not text"),
            (&["training.rate.high=1"], "no place for high"),
            (&["network.encoder.7.maps=1"], "no place for 7"),
            (&["sparsity.lifetime=0.1", "sparsity.per-sample=2"], "one of lifetime, per-sample"),
            (&["training.rate=1.0", "training.rate=2.0"], "given twice"),
        ] {
            let error = combinations(&demo(), &axes(texts)).unwrap_err().to_string();
            assert!(error.contains(problem) && !error.contains('\n'), "{error}");
        }
        let many = Axis { key: "training.seed".to_owned(), values: vec![Value::Integer(1); 10_001] };
        assert!(combinations(&demo(), &[many]).unwrap_err().to_string().contains("more than 10000"));
    }
}
