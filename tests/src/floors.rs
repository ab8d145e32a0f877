//! The floors of a crate: the order in which its files may import each other, written down and held against
//! the code.
//!
//! docs/floors.md has blocks like this one; each line is a folder, and the floors in it from the highest
//! down:
//!
//! ```text
//! core/src: lib > model novelty > stream int8 > error
//! ```
//!
//! A file or folder may import only what stands behind a later `>` than itself. So files on one floor do not
//! import each other, and there is no circle. `mod`, `lib` and `main` are the front of their folder: they
//! stand first and alone, and nothing inside the folder imports from them. Test modules may import what they
//! like.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

/// Names at the front of a folder.
const FRONTS: [&str; 3] = ["mod", "lib", "main"];

/// The written order: of each folder, the floor of each name in it, 0 the highest.
#[derive(Debug, Default)]
pub struct Floors {
    folders: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Floors {
    /// The order in a document: the lines of its blocks ```` ```floors ````. A line that begins with spaces
    /// goes on with the one before.
    pub fn of_document(text: &str) -> Self {
        let mut lines: Vec<String> = Vec::new();
        let mut inside = false;
        for line in text.lines() {
            match (inside, line) {
                (false, "```floors") => inside = true,
                (true, "```") => inside = false,
                (true, line) if line.starts_with(' ') => {
                    if let Some(last) = lines.last_mut() {
                        last.push_str(line);
                    }
                }
                (true, line) => lines.push(line.to_owned()),
                _ => {}
            }
        }
        let folders = lines.iter().filter_map(|line| line.split_once(':')).map(|(folder, floors)| {
            let names = floors.split('>').enumerate().flat_map(|(floor, names)| {
                names.split_whitespace().map(move |name| (name.to_owned(), floor))
            });
            (folder.trim().to_owned(), names.collect())
        });
        Self { folders: folders.collect() }
    }

    /// What of a crate's sources is against the order, a sentence each. `sources` is the crate's folder of
    /// sources, and `files` are the texts of all its `.rs` files by their paths; both are as the document
    /// writes them.
    pub fn violations(&self, sources: &str, files: &BTreeMap<String, String>) -> Vec<String> {
        let mut found = self.not_as_listed(sources, files);
        for (path, text) in files {
            let targets: BTreeSet<String> =
                imports(path, text).iter().filter_map(|import| resolve(sources, import, files)).collect();
            for target in targets {
                if target != *path && !self.is_below(&target, path) {
                    found.push(format!("{path} imports {target}, which is not on a floor below it"));
                }
            }
        }
        found
    }

    /// Files that no line has, and names that are no file.
    fn not_as_listed(&self, sources: &str, files: &BTreeMap<String, String>) -> Vec<String> {
        let mut there: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for path in files.keys() {
            let (mut folder, mut name) = split(path.trim_end_matches(".rs"));
            loop {
                there.entry(folder).or_default().insert(name);
                if folder == sources {
                    break;
                }
                (folder, name) = split(folder);
            }
        }
        let mut found = Vec::new();
        for (folder, names) in &there {
            let Some(listed) = self.folders.get(*folder) else {
                found.push(format!("{folder} has no line in the floors"));
                continue;
            };
            let missing = names.iter().filter(|name| !listed.contains_key(**name));
            found.extend(missing.map(|name| format!("{folder}/{name} is on no floor")));
            let gone = listed.keys().filter(|name| !names.contains(name.as_str()));
            found.extend(gone.map(|name| format!("{folder} has no {name}, which is in the floors")));
            let alone = listed.iter().filter(|(_, floor)| **floor == 0).count() == 1;
            let fronts = listed.iter().filter(|(name, _)| FRONTS.contains(&name.as_str()));
            found.extend(
                fronts
                    .filter(|(_, floor)| **floor > 0 || !alone)
                    .map(|(name, _)| format!("{folder}/{name} must stand first and alone in the floors")),
            );
        }
        let below = format!("{sources}/");
        let lines = self.folders.keys().filter(|folder| *folder == sources || folder.starts_with(&below));
        found.extend(
            lines
                .filter(|folder| !there.contains_key(folder.as_str()))
                .map(|folder| format!("{folder} is in the floors, but has no sources")),
        );
        found
    }

    /// Whether a file lies below another one: by their places in the folder that has both.
    fn is_below(&self, target: &str, file: &str) -> bool {
        let (target, file): (Vec<&str>, Vec<&str>) = (parts(target), parts(file));
        let shared = target.iter().zip(&file).take_while(|(a, b)| a == b).count();
        let floor = |parts: &[&str]| {
            let folder = self.folders.get(&parts[..shared].join("/"))?;
            folder.get(*parts.get(shared)?).copied()
        };
        match (floor(&target), floor(&file)) {
            (Some(target), Some(file)) => target > file,
            // Told by `not_as_listed`.
            _ => true,
        }
    }
}

/// All `.rs` files below a folder of the repository, by their paths in it.
///
/// # Errors
///
/// When one cannot be read.
pub fn sources(repository: &Path, folder: &str) -> io::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(repository.join(&folder))? {
            let entry = entry?;
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.ends_with(".rs") {
                files.insert(path, fs::read_to_string(entry.path())?);
            }
        }
    }
    Ok(files)
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn parts(path: &str) -> Vec<&str> {
    path.trim_end_matches(".rs").split('/').collect()
}

/// A path in the code: the folders and names that it begins with, from the crate's sources down.
type Import = Vec<String>;

/// The paths into its own crate that a file's code has, outside its tests.
fn imports(file: &str, text: &str) -> Vec<Import> {
    // `pub(in crate::x)` is no import.
    let code = without_exported_macros(&code_of(text)).replace("pub(in crate::", "pub(");
    // Where `super` is: one folder up from a front, the file's own folder otherwise.
    let mut module = parts(file);
    let name = module.pop().unwrap_or_default();
    if !FRONTS.contains(&name) {
        module.push(name);
    }
    let mut found = Vec::new();
    for (start, word) in words(&code) {
        let rest = &code[start + word.len()..];
        match word {
            "crate" if rest.starts_with("::") => {
                found.extend(
                    tree(&rest[2..]).into_iter().map(|path| [vec!["crate".to_owned()], path].concat()),
                );
            }
            // A `super` behind another one is part of that one's path.
            "super" if rest.starts_with("::") && !code[..start].ends_with("super::") => {
                let mut up = 1;
                let mut rest = &rest[2..];
                while let Some(more) = rest.strip_prefix("super::") {
                    (up, rest) = (up + 1, more);
                }
                let base: Vec<String> = module
                    .iter()
                    .take(module.len().saturating_sub(up))
                    .map(|part| (*part).to_owned())
                    .collect();
                found.extend(tree(rest).into_iter().map(|path| [base.clone(), path].concat()));
            }
            _ => {}
        }
    }
    found
}

/// The words of code, with where they begin.
fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.split(move |c| !is_word(c))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - code.as_ptr() as usize, word))
}

/// The paths of a use tree: `a::{b, c::d}` are `a::b` and `a::c::d`; what is not a name ends a path.
fn tree(text: &str) -> Vec<Vec<String>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    if let Some(inside) = text.strip_prefix('{') {
        let mut depth = 0;
        let mut items = vec![String::new()];
        for c in inside.chars() {
            match c {
                '}' if depth == 0 => break,
                ',' if depth == 0 => items.push(String::new()),
                c => {
                    depth += usize::from(c == '{');
                    depth -= usize::from(c == '}');
                    if let Some(item) = items.last_mut() {
                        item.push(c);
                    }
                }
            }
        }
        return items.iter().flat_map(|item| tree(item.trim_start())).collect();
    }
    let name: String = text.chars().take_while(|c| is_word(*c)).collect();
    if name.is_empty() {
        return vec![Vec::new()];
    }
    match text[name.len()..].strip_prefix("::") {
        Some(rest) => tree(rest).into_iter().map(|path| [vec![name.clone()], path].concat()).collect(),
        None => vec![vec![name]],
    }
}

/// The file that a path leads into; none for one outside these sources.
fn resolve(sources: &str, import: &Import, files: &BTreeMap<String, String>) -> Option<String> {
    let (mut folder, rest): (String, &[String]) = match import.first().map(String::as_str) {
        Some("crate") => (sources.to_owned(), import.get(1..)?),
        _ => {
            let depth = sources.split('/').count();
            (sources.to_owned(), import.get(depth..)?)
        }
    };
    for name in rest {
        let (file, inside) = (format!("{folder}/{name}.rs"), format!("{folder}/{name}"));
        if files.contains_key(&file) {
            return Some(file);
        }
        if !files.keys().any(|path| path.starts_with(&format!("{inside}/"))) {
            break;
        }
        folder = inside;
    }
    FRONTS.iter().map(|front| format!("{folder}/{front}.rs")).find(|front| files.contains_key(front))
}

/// The code without the macros for other crates: these are expanded there, and name what any user names.
fn without_exported_macros(code: &str) -> String {
    let mut exported = false;
    let kept = code.lines().filter(|line| {
        exported |= *line == "#[macro_export]";
        let kept = !exported;
        exported &= *line != "}";
        kept
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// The code of a file: without comments, the content of strings, and modules of tests.
fn code_of(text: &str) -> String {
    // A module of tests is the last thing in a file.
    let is_module = |line: &str| line.starts_with("mod ") || line.contains(") mod ");
    let mut attributes = text.match_indices("#[cfg(test)]\n");
    let tests = attributes.find(|(start, found)| {
        text.get(start + found.len()..).and_then(|rest| rest.lines().next()).is_some_and(is_module)
    });
    let text = tests.map_or(text, |(start, _)| &text[..start]);
    let mut code = String::new();
    for line in text.lines() {
        let mut in_string = false;
        let mut characters = line.chars().peekable();
        while let Some(c) = characters.next() {
            match c {
                '\\' if in_string => {
                    characters.next();
                }
                '"' => in_string = !in_string,
                '/' if !in_string && characters.peek() == Some(&'/') => break,
                c if !in_string => code.push(c),
                _ => {}
            }
        }
        code.push('\n');
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "
text: not in a block > x
```floors
a/src: lib > top > room > low other
  > base
a/src/room: mod > upper > lower
```
";

    fn violations(changes: &[(&str, &str)]) -> Vec<String> {
        let mut files: BTreeMap<String, String> = [
            ("a/src/lib.rs", "mod base; pub use top::Top;"),
            ("a/src/top.rs", "use crate::room::Upper;\nuse crate::{low::Low, base::{Base, self}};"),
            ("a/src/room/mod.rs", "mod lower; pub use upper::Upper;"),
            ("a/src/room/upper.rs", "use super::lower::Lower;\nuse crate::low;"),
            ("a/src/room/lower.rs", "// use super::upper::Upper;\nconst S: &str = \"crate::top\";"),
            ("a/src/low.rs", "fn f() { crate::base::g() }\n#[cfg(test)]\nmod tests { use crate::top; }"),
            ("a/src/other.rs", "#[macro_export]\nmacro_rules! m {\n    () => { $crate::Top };\n}\n"),
            ("a/src/base.rs", "use std::fmt;"),
        ]
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .into();
        for (path, text) in changes {
            files.insert((*path).to_owned(), (*text).to_owned());
        }
        Floors::of_document(DOCUMENT).violations("a/src", &files)
    }

    #[test]
    fn imports_of_what_lies_below_are_good() {
        assert_eq!(violations(&[]), [""; 0]);
    }

    #[test]
    fn every_import_against_the_floors_is_found() {
        for (file, text, target) in [
            ("a/src/base.rs", "use crate::low::Low;", "a/src/low.rs"),
            ("a/src/low.rs", "use super::other;", "a/src/other.rs"),
            ("a/src/low.rs", "fn f() { crate::room::upper::g() }", "a/src/room/upper.rs"),
            ("a/src/low.rs", "use crate::room::Upper;", "a/src/room/mod.rs"),
            ("a/src/low.rs", "use crate::{base, top::{A, B}};", "a/src/top.rs"),
            ("a/src/low.rs", "use crate::Top;", "a/src/lib.rs"),
            ("a/src/room/lower.rs", "use super::upper::Upper;", "a/src/room/upper.rs"),
            ("a/src/room/upper.rs", "use super::Upper;", "a/src/room/mod.rs"),
            ("a/src/room/upper.rs", "use super::super::top;", "a/src/top.rs"),
            ("a/src/room/mod.rs", "use super::top;", "a/src/top.rs"),
            ("a/src/other.rs", "macro_rules! m {\n    () => { $crate::Top };\n}", "a/src/lib.rs"),
            ("a/src/other.rs", "#[macro_export]\nmacro_rules! m {\n}\nuse crate::Top;", "a/src/lib.rs"),
        ] {
            let expected = format!("{file} imports {target}, which is not on a floor below it");
            assert_eq!(violations(&[(file, text)]), [expected], "{text}");
        }
    }

    #[test]
    fn files_and_lines_agree() {
        assert_eq!(violations(&[("a/src/new.rs", "")]), ["a/src/new is on no floor"]);
        assert_eq!(
            violations(&[("a/src/hall/x.rs", "")]),
            ["a/src/hall is on no floor", "a/src/hall has no line in the floors"]
        );
        let gone = Floors::of_document("```floors\nb: x > lib\nb/c: mod\n```\n");
        let files = BTreeMap::from([("b/lib.rs".to_owned(), String::new())]);
        assert_eq!(
            gone.violations("b", &files),
            [
                "b has no x, which is in the floors",
                "b/lib must stand first and alone in the floors",
                "b/c is in the floors, but has no sources"
            ]
        );
    }
}
