//! A recipe as a list of settings.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::Value;

use super::tables::Recipe;

/// Every setting by its key.
pub(crate) fn settings(recipe: &Recipe) -> BTreeMap<String, String> {
    settings_under("", recipe)
}

/// Every setting of a recipe's table by its key, which begins with that of the table.
pub(crate) fn settings_under<T: Serialize>(key: &str, table: &T) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    // By way of the text, so that an `f32` is as short as it was written.
    let value: Option<Value> = toml::to_string(table).ok().and_then(|text| toml::from_str(&text).ok());
    if let Some(value) = value {
        collect(key, &value, &mut all);
    }
    all
}

fn collect(path: &str, value: &Value, all: &mut BTreeMap<String, String>) {
    let under = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Table(table) => table.iter().for_each(|(key, value)| collect(&under(key), value, all)),
        Value::Array(items) if items.iter().any(Value::is_table) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| collect(&under(&index.to_string()), item, all));
        }
        value => {
            all.insert(path.to_owned(), value.to_string());
        }
    }
}
