//! A column of a table, by its name or its place.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A column of a table: its name in the header line, or its place from 0; -1 is the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Column {
    /// Its name.
    Name(String),
    /// Its place.
    Place(i64),
}

/// A string or a whole number.
impl JsonSchema for Column {
    fn schema_name() -> Cow<'static, str> {
        "Column".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] })
    }
}

impl Column {
    /// Its index among columns with these names.
    pub(super) fn place(&self, names: &[String]) -> Result<usize, String> {
        match self {
            Self::Name(name) => {
                names.iter().position(|known| known == name).ok_or_else(|| no_column(name, names))
            }
            Self::Place(place) => {
                let count = names.len() as i64;
                let index = if *place < 0 { count.saturating_add(*place) } else { *place };
                let index = usize::try_from(index).ok().filter(|index| *index < names.len());
                index.ok_or_else(|| format!("has no column {place}: there are {count}"))
            }
        }
    }
}

pub(super) fn no_column(name: &str, names: &[String]) -> String {
    format!("has no column {name}, only {}", names.join(", "))
}
