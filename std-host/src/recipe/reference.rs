//! The reference of recipes as Markdown, made from the schema alone: what the types say is what people read.

use serde_json::Value;

use super::schema::{Node, root, tag, word_of};

/// The reference of recipes: every key with its type, default, meaning and an example, as Markdown.
pub fn reference() -> String {
    let mut page = String::from("## The recipe\n");
    if let Some(about) = root().text("description") {
        page.push_str(&format!("\n{about}\n"));
    }
    table(&mut page, root(), None, 0);
    for (key, value) in root().keys() {
        let (heading, value) = match value.items() {
            Some(items) => (format!("## `[[{key}]]`"), items),
            None => (format!("## `[{key}]`"), value),
        };
        let tables = value.alternatives().into_iter().filter(|one| one.is("object") && !one.is_recipe());
        let tables: Vec<Node<'_>> = tables.collect();
        if tables.is_empty() {
            continue;
        }
        section(&mut page, &heading, value.resolved().text("description"));
        match (tables.as_slice(), tag(&tables)) {
            (several, Some(tag)) if several.len() > 1 => {
                for one in several {
                    let word = word_of(*one, tag).unwrap_or_default();
                    section(&mut page, &format!("### `{tag} = \"{word}\"`"), one.text("description"));
                    table(&mut page, *one, Some(tag), 1);
                }
            }
            (tables, _) => tables.iter().for_each(|one| table(&mut page, *one, None, 1)),
        }
    }
    page
}

fn section(page: &mut String, heading: &str, about: Option<&str>) {
    page.push_str(&format!("\n{heading}\n"));
    if let Some(about) = about {
        page.push_str(&format!("\n{about}\n"));
    }
}

/// The keys of a table; of those of the recipe itself (`depth` 0), only the names of its tables.
fn table(page: &mut String, node: Node<'_>, tag: Option<&str>, depth: usize) {
    let mut rows = Vec::new();
    push_rows(&mut rows, node, "", tag, depth);
    if rows.is_empty() {
        return;
    }
    page.push_str("\n| key | type | default | meaning | example |\n| --- | --- | --- | --- | --- |\n");
    for row in rows {
        page.push_str(&format!("| {} |\n", row.map(|cell| cell.replace('|', "\\|")).join(" | ")));
    }
}

fn push_rows(rows: &mut Vec<[String; 5]>, node: Node<'_>, path: &str, tag: Option<&str>, depth: usize) {
    let required = node.required();
    for (key, value) in node.keys().into_iter().filter(|(key, _)| Some(*key) != tag) {
        let name = format!("{path}{key}");
        // What a variant wraps is described by the variant.
        let about = value.text("description").or(node.text("description")).unwrap_or_default();
        let (meaning, told) = without_default(about);
        let default = match value.says("default") {
            _ if required.contains(&key) => "required".to_owned(),
            _ if told.is_some() => told.unwrap_or_default().to_owned(),
            Some(default) if !default.is_object() => format!("`{}`", toml_of(default)),
            _ if value.alternatives().iter().any(|one| one.is("object")) => "optional".to_owned(),
            _ => "none".to_owned(),
        };
        let examples = value.says("examples").and_then(Value::as_array);
        let example = examples.and_then(|examples| examples.first());
        let example = example.map_or(String::new(), |example| format!("`{key} = {}`", toml_of(example)));
        let is_wrapper = value.is("object") && value.says("description").is_none();
        if !is_wrapper {
            rows.push([format!("`{name}`"), type_of(value), default, meaning, example]);
        }
        if depth == 0 {
            continue;
        }
        let (inner, mark) = value.items().map_or((value, ""), |items| (items, "[]"));
        for one in inner.alternatives().into_iter().filter(|one| one.is("object")) {
            push_rows(rows, one, &format!("{name}{mark}."), None, depth);
        }
    }
}

/// A number's bounds, too.
fn type_of(node: Node<'_>) -> String {
    let expected = if node.alternatives().iter().any(|one| one.is_recipe()) {
        "the name of a built-in recipe in quotes, or a table".to_owned()
    } else {
        node.expected()
    };
    let items = node.items().filter(|items| items.is("number") || items.is("integer"));
    let bounds = match items {
        Some(items) => items.bounds().map(|rule| format!("each {}", rule.trim_start_matches("be "))),
        None => node.resolved().bounds().map(|rule| rule.trim_start_matches("be ").to_owned()),
    };
    match bounds {
        Some(rule) => format!("{expected}, {}", rule.replace("lie between", "between")),
        None => expected,
    }
}

/// The meaning without `[default: ...]`, and what stands there.
fn without_default(text: &str) -> (String, Option<&str>) {
    let Some((before, rest)) = text.split_once(" [default: ") else { return (text.to_owned(), None) };
    let Some((default, after)) = rest.split_once(']') else { return (text.to_owned(), None) };
    (format!("{before}{after}"), Some(default))
}

/// A value of the schema as it is written in a recipe.
fn toml_of(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(toml_of).collect::<Vec<_>>().join(", "))
        }
        Value::Object(keys) => {
            let pairs = keys.iter().map(|(key, value)| format!("{key} = {}", toml_of(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{PoolRecipe, Recipe};

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/recipes.md");

    #[test]
    fn the_page_in_docs_is_this_reference() {
        let page = std::fs::read_to_string(FILE).unwrap_or_default();
        assert!(
            page.ends_with(&reference()),
            "docs/recipes.md is stale; make it again: cargo run -- recipes --reference > docs/recipes.md"
        );
    }

    #[test]
    fn every_key_has_a_meaning_and_an_example() {
        let page = reference();
        let rows: Vec<Vec<&str>> = page
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.trim_matches(['|', ' ']).split(" | ").collect())
            .collect();
        assert!(rows.len() > 60, "{}", rows.len());
        for row in &rows {
            assert!(row.len() == 5 && row.iter().all(|cell| !cell.trim().is_empty()), "{row:?}");
        }
        for key in [
            "training.rate",
            "encoder[].maps",
            "optimizer.sgd.momentum",
            "divide_by",
            "per-sample",
            "pool.whole",
        ] {
            let name = key.strip_prefix("training.").unwrap_or(key);
            assert!(rows.iter().any(|row| row[0] == format!("`{name}`")), "{key}");
        }
        for word in ["`set = \"images\"`", "`kind = \"rbm\"`", "`step = \"zca\"`", "## `[[preprocess]]`"] {
            assert!(page.contains(word), "{word}");
        }
    }

    /// What Serde leaves out when it writes has a default that schemars does not see.
    #[test]
    fn the_defaults_are_those_that_serde_takes() {
        let row = |key: &str, default: &str| {
            let found = reference().lines().any(|line| {
                let cells: Vec<&str> = line.split(" | ").collect();
                cells.first() == Some(&format!("| `{key}`").as_str()) && cells.get(2) == Some(&default)
            });
            assert!(found, "{key} = {default}");
        };
        let recipe = Recipe::builder("x").fully_connected([1]).build().unwrap();
        row("falling", &format!("`{:?}`", recipe.sparsity.falling));
        row("lower_layers", &format!("`{:?}`", recipe.svm.lower_layers));
        row("root", &format!("`{}`", recipe.features.root));
        row("pool.whole", &format!("`{}`", PoolRecipe::square(2, 2).whole));
        row("gap", &format!("`{}`", recipe.svm.gap));
        row("seed", &format!("`{}`", recipe.training.seed));
    }

    #[test]
    fn every_example_is_taken() {
        fn examples(node: Node<'_>, found: &mut usize) {
            for table in node.alternatives().into_iter().filter(|one| one.is("object")) {
                for (key, value) in table.keys() {
                    for example in value.says("examples").and_then(Value::as_array).into_iter().flatten() {
                        let text = format!("{key} = {}", toml_of(example));
                        let document = crate::recipe::spanned::Document::parse(&text).unwrap();
                        let refused = document.check_key(key, value);
                        assert!(refused.is_ok(), "{text}: {refused:?}");
                        *found += 1;
                    }
                    if !value.is_recipe() && key != "below" {
                        examples(value.items().unwrap_or(value), found);
                    }
                }
            }
        }
        let mut found = 0;
        examples(root(), &mut found);
        assert!(found > 60, "{found}");
    }
}
