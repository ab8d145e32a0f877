//! Recipes: from tables of Python, by their names, from files.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use wta::recipe;

use crate::arrays::{Sides, shape_of, sides_of};
use crate::error::raised;

/// A recipe: data set, preprocessing, network, training, features and classifier.
#[pyclass(frozen, module = "wta_learn._engine")]
pub(crate) struct Recipe {
    pub(crate) recipe: wta::Recipe,
}

#[pymethods]
impl Recipe {
    /// A recipe from the tables of its TOML file, written as JSON.
    #[staticmethod]
    fn of_json(json: &str) -> PyResult<Self> {
        let wrong = |error: &dyn std::fmt::Display| PyValueError::new_err(format!("not a recipe: {error}"));
        let tables: toml::Value = serde_json::from_str(json).map_err(|error| wrong(&error))?;
        let text = toml::to_string(&tables).map_err(|error| wrong(&error))?;
        let parsed = recipe::parse(&text, "").map_err(|error| match error {
            // Nobody has seen the text's lines.
            wta::Error::Recipe { origin, problem, .. } => wta::Error::Recipe { origin, line: None, problem },
            error => error,
        });
        Ok(Self { recipe: parsed.map_err(raised)? })
    }

    /// A recipe from the text of its TOML file; `origin` names it in errors.
    #[staticmethod]
    fn parse(text: &str, origin: &str) -> PyResult<Self> {
        Ok(Self { recipe: recipe::parse(text, origin).map_err(raised)? })
    }

    /// A built-in recipe by its name, or the path of a TOML file.
    #[staticmethod]
    fn load(name_or_path: &str) -> PyResult<Self> {
        Ok(Self { recipe: recipe::load(name_or_path).map_err(raised)? })
    }

    /// The names of the built-in recipes.
    #[staticmethod]
    fn names() -> Vec<&'static str> {
        recipe::names()
    }

    /// The shape of the features of samples of this shape: maps, rows and columns.
    fn feature_shape(&self, shape: Sides) -> PyResult<Sides> {
        Ok(sides_of(self.recipe.resolve(shape_of(shape)).map_err(raised)?.features()))
    }

    /// The text of its TOML file.
    fn toml(&self) -> PyResult<String> {
        self.recipe.to_toml().map_err(raised)
    }

    /// For pickle.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String, &'static str))> {
        Ok((slf.get_type().getattr("parse")?, (slf.get().toml()?, "")))
    }

    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        &self.recipe.name
    }

    /// What it is, in a line.
    #[getter]
    fn about(&self) -> &str {
        &self.recipe.about
    }
}
