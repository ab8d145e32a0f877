//! The key `below` of a stacked recipe: a compiled-in recipe's name, or a whole recipe as a table.
//!
//! A name stands for the recipe's text, so that a run folder's `recipe.toml` is complete. Only compiled-in
//! recipes have names here: files could name each other in a circle.

use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserializer;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error, MapAccess, Visitor};

use super::built_in;

/// `R` is the recipe, of which nothing needs to be known here.
pub(super) fn deserialize<'de, D: Deserializer<'de>, R: DeserializeOwned>(
    from: D,
) -> Result<Option<Box<R>>, D::Error> {
    from.deserialize_any(NameOrTable(PhantomData)).map(|recipe| Some(Box::new(recipe)))
}

/// What may stand there: the name of a compiled-in recipe, or a whole recipe.
pub(super) fn schema<R: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "type": "string", "enum": built_in::names() }, generator.subschema_for::<R>()] })
}

struct NameOrTable<R>(PhantomData<R>);

impl<'de, R: DeserializeOwned> Visitor<'de> for NameOrTable<R> {
    type Value = R;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a recipe's name or a whole recipe")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<R, E> {
        let text = built_in::text(name).ok_or_else(|| {
            E::custom(format!(
                "there is no recipe {name} to stack on; the recipes are {}",
                built_in::names().join(", ")
            ))
        })?;
        toml::from_str(text).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<R, A::Error> {
        R::deserialize(MapAccessDeserializer::new(table))
    }
}
