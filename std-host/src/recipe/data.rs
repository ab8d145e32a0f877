//! The table `[data]`: the data set, and what its pixels are divided by.

use serde::{Deserialize, Serialize};

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
