//! The key `below` of a stacked recipe: a compiled-in recipe's name, or a whole recipe as a table.
//!
//! A name stands for the recipe's text, so that a run folder's `recipe.toml` is complete. Only compiled-in recipes have
//! names here: files could name each other in a circle.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Recipe;

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Box<Recipe>>, D::Error> {
    from.deserialize_any(NameOrTable).map(|recipe| Some(Box::new(recipe)))
}

struct NameOrTable;

impl<'de> Visitor<'de> for NameOrTable {
    type Value = Recipe;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a recipe's name or a whole recipe")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Recipe, E> {
        let text = super::text(name)
            .ok_or_else(|| E::custom(format!("there is no recipe {name} to stack on; see `wta recipes`")))?;
        toml::from_str(text).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Recipe, A::Error> {
        Recipe::deserialize(MapAccessDeserializer::new(table))
    }
}
