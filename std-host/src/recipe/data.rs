//! The table `[data]`: the data set, and what its pixels are divided by.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::data::DataSource;

/// The data set and its preprocessing: one table, in TOML.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "toml::Table")]
pub struct Data {
    /// Pixels are divided by this; unless told, 255, and arrays by 1.
    pub divide_by: f32,
    /// Which set, and what it needs to be told.
    #[serde(flatten)]
    pub set: DataSource,
}

impl TryFrom<toml::Table> for Data {
    type Error = String;

    fn try_from(mut table: toml::Table) -> std::result::Result<Self, String> {
        let said = |error: toml::de::Error| error.message().replace('\n', " ");
        let divide_by = table.remove("divide_by").map(toml::Value::try_into).transpose().map_err(said)?;
        let keys: Vec<String> = table.keys().filter(|key| *key != "set").cloned().collect();
        let set: DataSource = table.try_into().map_err(said)?;
        // Serde lets any key pass beside the name of a variant that has none.
        match keys.first() {
            Some(key) if !set.has_keys() => {
                Err(format!("data has a key {key}, which this set does not know"))
            }
            _ => Ok(Self { divide_by: divide_by.unwrap_or(set.divisor()), set }),
        }
    }
}

/// The keys of each set, and `divide_by` beside them.
impl JsonSchema for Data {
    fn schema_name() -> Cow<'static, str> {
        "Data".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = DataSource::json_schema(generator);
        let about = "The data set and what its pixels are divided by; `set` says which. Files are in the data folder.";
        schema.insert("description".to_owned(), json!(about));
        let sets = schema.get_mut("oneOf").and_then(Value::as_array_mut);
        for set in sets.into_iter().flatten() {
            let name = set.pointer("/properties/set/const").and_then(Value::as_str).unwrap_or_default();
            let divisor = if matches!(name, "array" | "signals" | "memory") { 1.0 } else { 255.0 };
            if let Some(keys) = set.get_mut("properties").and_then(Value::as_object_mut) {
                let key = json!({
                    "description": "Pixels are divided by this.",
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "default": divisor,
                    "examples": [127.5],
                });
                keys.insert("divide_by".to_owned(), key);
            }
        }
        schema
    }
}
