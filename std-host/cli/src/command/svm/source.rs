//! The flags that say where examples and labels are.

use std::path::PathBuf;

use clap::Args;
use wta::data::{Column, ExampleFile};

/// Where examples and labels are.
#[derive(Args)]
pub(super) struct Source {
    /// The examples: LIBSVM's text, .npz (a sparse matrix of scipy.sparse.save_npz, or arrays), .npy,
    /// .safetensors, or a table (.csv, .tsv); - reads LIBSVM's text from standard input.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// The labels of arrays or of a table, one per row: .npy of whole numbers or strings, .npz, or a table.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The column of labels in a table: its name, or its place from 0 (-1 is the last) [default: the one
    /// called label, class, target or y, or the first one of words, or the last].
    #[arg(long, value_name = "COLUMN", allow_negative_numbers = true)]
    label_column: Option<String>,
    /// The columns of a table that are features [default: all but the labels].
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', allow_negative_numbers = true)]
    columns: Option<Vec<String>>,
    /// The array of examples, in a file of several.
    #[arg(long, value_name = "NAME")]
    tensor: Option<String>,
    /// The array of labels, in a file of several.
    #[arg(long, value_name = "NAME")]
    label_tensor: Option<String>,
}

impl Source {
    /// The file, all of whose examples must have labels.
    pub(super) fn labelled(&self) -> ExampleFile {
        ExampleFile { labels_needed: true, ..self.any(None) }
    }

    /// The file, whose arrays and tables must have so many features.
    pub(super) fn any(&self, features: Option<usize>) -> ExampleFile {
        ExampleFile {
            path: self.file.clone(),
            tensor: self.tensor.clone(),
            labels: self.labels.clone(),
            label_tensor: self.label_tensor.clone(),
            label_column: self.label_column.as_deref().map(column),
            columns: self.columns.as_ref().map(|columns| columns.iter().map(|name| column(name)).collect()),
            labels_needed: false,
            features,
            named: None,
        }
    }

    /// The files that are read.
    pub(super) fn inputs(&self) -> Vec<PathBuf> {
        std::iter::once(&self.file).chain(&self.labels).cloned().collect()
    }
}

fn column(name: &str) -> Column {
    name.parse().map_or_else(|_| Column::Name(name.to_owned()), Column::Place)
}
