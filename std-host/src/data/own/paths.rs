//! The files that a key of `[data]` names: one, a list, a folder, or a pattern such as `shards/*.npy`.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::entries::entries;
use crate::error::{Error, Result};

/// One file, or several that are read one after the other. A name may be that of a folder, or a pattern with
/// `*`, `?` or `[...]`; the files that it stands for come in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Paths {
    /// A file, a folder or a pattern.
    One(String),
    /// Several of them.
    Many(Vec<String>),
}

/// A string, or a list of strings that is not empty.
impl JsonSchema for Paths {
    fn schema_name() -> Cow<'static, str> {
        "Paths".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }]
        })
    }
}

impl From<&str> for Paths {
    fn from(name: &str) -> Self {
        Self::One(name.to_owned())
    }
}

impl fmt::Display for Paths {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.names().join(", "))
    }
}

impl Paths {
    fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }

    /// The files below `folder`, at least one. Of a folder or a pattern, those whose name `wanted` accepts.
    pub(super) fn files(&self, folder: &Path, wanted: impl Fn(&Path) -> bool + Copy) -> Result<Vec<PathBuf>> {
        let list = |path: &Path, files: &mut Vec<PathBuf>| {
            files.extend(entries(path)?.into_iter().filter(|file| file.is_file() && wanted(file)));
            Ok(())
        };
        let rooted = self.rooted(folder, list, wanted)?;
        Ok(rooted.into_iter().flat_map(|(_, files)| files).collect())
    }

    /// The same for each name, with the folder that it begins in. `list` adds the files of a folder.
    pub(super) fn rooted(
        &self,
        folder: &Path,
        list: impl Fn(&Path, &mut Vec<PathBuf>) -> Result<()>,
        wanted: impl Fn(&Path) -> bool + Copy,
    ) -> Result<Vec<(PathBuf, Vec<PathBuf>)>> {
        let mut all = Vec::new();
        for name in self.names() {
            let path = folder.join(name);
            let mut files = Vec::new();
            let root = if path.is_dir() {
                list(&path, &mut files)?;
                if files.is_empty() {
                    return Err(Error::file(path, "is a folder without any file that is read here"));
                }
                path
            } else if path.exists() || !name.contains(WILD) {
                files.push(path.clone());
                path.parent().unwrap_or(folder).to_path_buf()
            } else {
                matching(&path, wanted, &mut files)?;
                let whole =
                    path.components().take_while(|part| !part.as_os_str().to_string_lossy().contains(WILD));
                whole.collect()
            };
            all.push((root, files));
        }
        match all.is_empty() {
            true => {
                Err(Error::Invalid("a key of [data] is an empty list of files; name at least one".to_owned()))
            }
            false => Ok(all),
        }
    }
}

/// What makes a name a pattern.
const WILD: [char; 3] = ['*', '?', '['];

/// Adds the files that match a pattern.
fn matching(pattern: &Path, wanted: impl Fn(&Path) -> bool, files: &mut Vec<PathBuf>) -> Result<()> {
    let wrong = |problem: String| Error::file(pattern, problem);
    let text =
        pattern.to_str().ok_or_else(|| wrong("is not Unicode; name the files one by one".to_owned()))?;
    let found = glob::glob(text).map_err(|error| wrong(format!("is no pattern ({error})")))?;
    for path in found {
        let path = path.map_err(|error| {
            let at = error.path().to_path_buf();
            Error::io("read", at, error.into())
        })?;
        if path.is_file() && wanted(&path) {
            files.push(path);
        }
    }
    if files.is_empty() { Err(wrong("matches no file".to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn lists_folders_and_patterns_are_files_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b/2.npy", "b/1.npy", "b/note.md", "a.npy", "[odd].npy"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        let wanted = |path: &Path| path.extension().is_some_and(|ending| ending == "npy");
        let files = |paths: &Paths| {
            let files = paths.files(folder.path(), wanted)?;
            let relative = files.iter().map(|file| file.strip_prefix(folder.path()).unwrap());
            Ok::<_, Error>(relative.map(|file| file.to_str().unwrap().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(files(&"b".into()).unwrap(), ["b/1.npy", "b/2.npy"]);
        assert_eq!(files(&"b/*.npy".into()).unwrap(), ["b/1.npy", "b/2.npy"]);
        assert_eq!(files(&"[odd].npy".into()).unwrap(), ["[odd].npy"], "a file of that very name");
        let many = Paths::Many(vec!["b/2.npy".to_owned(), "a.npy".to_owned()]);
        assert_eq!(files(&many).unwrap(), ["b/2.npy", "a.npy"], "a list keeps its order");
        assert_eq!(files(&"none.npy".into()).unwrap(), ["none.npy"], "opening it says that it is not there");
        for (paths, expected) in
            [(Paths::from("c/*.npy"), "matches no file"), (Paths::Many(vec![]), "empty list")]
        {
            let sentence = files(&paths).unwrap_err().to_string();
            assert!(sentence.contains(expected), "{sentence}");
        }
    }

    #[test]
    fn they_are_a_string_or_a_list() {
        #[derive(Deserialize)]
        struct Table {
            train: Paths,
        }
        let parse = |text: &str| toml::from_str::<Table>(text).map(|table| table.train);
        assert_eq!(parse("train = 'x.npy'").unwrap(), "x.npy".into());
        assert_eq!(parse("train = ['x.npy']").unwrap(), Paths::Many(vec!["x.npy".to_owned()]));
        assert!(parse("train = 3").is_err());
    }
}
