//! Labelled examples in a file, read some at a time: LIBSVM's text, sparse matrices, arrays and tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::array::{self, Array, Container, container};
use super::batch::Batch;
use super::column::Column;
use super::csr::{self, Csr};
use super::fortran;
use super::label::Label;
use super::labels::Labels;
use super::libsvm::{self, Blocks, count};
use super::look::{is_labels, label_column};
use super::table::{self, Columns, is_table};
use crate::data::stored::Stored;
use crate::decoders::caught;
use crate::error::{Error, Interrupted, Result, Setting};
use crate::observer::Observer;

/// Examples that arrays and tables are handed out in: as many, or fewer with as many values.
const ROWS: usize = 1 << 12;

/// Values of dense rows that are handed out at a time.
const VALUES: usize = 1 << 18;

/// Bytes of a step of the progress.
const STEP: u64 = 1 << 16;

/// A file of examples, and what is known of it.
#[derive(Clone, Debug, Default)]
pub struct ExampleFile {
    /// The file; `-` is standard input, which has LIBSVM's text.
    pub path: PathBuf,
    /// The array of an archive that has the examples.
    pub tensor: Option<String>,
    /// The file of labels, for arrays.
    pub labels: Option<PathBuf>,
    /// The array of labels in the file of labels.
    pub label_tensor: Option<String>,
    /// The column of labels in a table.
    pub label_column: Option<Column>,
    /// The columns of a table that are features; all but the labels if they are not given.
    pub columns: Option<Vec<Column>>,
    /// Whether an example without a label is an error.
    pub labels_needed: bool,
    /// The features of a row of an array or a table, if that is known: other rows are refused, and a table of
    /// so many columns has no column of labels.
    pub features: Option<usize>,
    /// The names of the features, if they are known: a table that names its columns gives these, in this
    /// order, wherever they stand. Anything else is taken by position.
    pub named: Option<Vec<String>>,
}

/// The columns of a table, by their places.
struct Chosen {
    label: Option<Column>,
    numbers: Option<Vec<Column>>,
}

/// The kinds of files.
enum Kind {
    Libsvm,
    Table,
    /// The arrays of an archive, if it is one.
    Array(Option<Vec<String>>),
}

/// What a file holds at most, as far as it says that before it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Examples.
    pub rows: usize,
    /// Values that are not 0; 0 if the file does not say it.
    pub nonzeros: usize,
}

impl ExampleFile {
    /// A file of examples with labels.
    pub fn labelled(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), labels_needed: true, ..Self::default() }
    }

    /// Whether the examples come from standard input.
    pub fn is_standard_input(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    fn kind(&self) -> Result<Kind> {
        let kind = self.kind_of_file()?;
        self.expect_settings_of(&kind)?;
        Ok(kind)
    }

    /// An error if something is set that has no effect on files of this kind.
    fn expect_settings_of(&self, kind: &Kind) -> Result<()> {
        const TABLES: &str = "tables";
        const ARCHIVES: &str = "files of several arrays";
        let path = &self.path;
        let is_archive =
            |path: &Path| matches!(container(path), Some(Container::Npz | Container::Safetensors));
        let (is_table_itself, is_array) = (matches!(kind, Kind::Table), matches!(kind, Kind::Array(_)));
        let is_sparse = matches!(kind, Kind::Array(Some(names)) if csr::is_sparse(names));
        // Labels that are in no file of their own lie beside the examples.
        let (in_table, in_archive) = match self.labels.as_deref() {
            Some(labels) => (is_table(labels), !is_table(labels) && is_archive(labels)),
            None => (is_table_itself, is_array && is_archive(path)),
        };
        let of_several = is_array && !is_sparse && is_archive(path);
        let refused = [
            (Setting::Labels, self.labels.is_some(), is_table_itself || is_array, "arrays and tables"),
            (Setting::Columns, self.columns.is_some(), is_table_itself, TABLES),
            (Setting::Tensor, self.tensor.is_some(), of_several, ARCHIVES),
            (Setting::LabelColumn, self.label_column.is_some(), in_table, TABLES),
            (Setting::LabelTensor, self.label_tensor.is_some(), in_archive, ARCHIVES),
        ]
        .into_iter()
        .find(|(_, is_set, has_effect, _)| *is_set && !has_effect);
        let Some((setting, _, _, of)) = refused else { return Ok(()) };
        let is_of_labels = matches!(setting, Setting::LabelColumn | Setting::LabelTensor);
        let (file, what) = match (kind, self.labels.as_deref().filter(|_| is_of_labels)) {
            (_, Some(labels)) => (labels, "the file of labels"),
            (Kind::Libsvm, None) => (self.name(), "LIBSVM's text"),
            (Kind::Table, None) => (self.name(), "a table"),
            (Kind::Array(_), None) if is_sparse => (self.name(), "a sparse matrix"),
            (Kind::Array(_), None) => (self.name(), "an array"),
        };
        Err(Error::setting(setting, format!("is for {of}, but {} is {what}; leave it out", file.display())))
    }

    fn kind_of_file(&self) -> Result<Kind> {
        let path = &self.path;
        if self.is_standard_input() {
            return Ok(Kind::Libsvm);
        }
        let metadata = fs::metadata(path).map_err(|error| Error::io("read", path, error))?;
        if metadata.is_dir() {
            return self.refuse("is a folder; give a file of examples");
        }
        if !metadata.is_file() {
            return Ok(Kind::Libsvm);
        }
        array::length(path)?;
        if is_table(path) {
            return Ok(if is_text_of_libsvm(path)? { Kind::Libsvm } else { Kind::Table });
        }
        Ok(if container(path).is_some() { Kind::Array(array::names(path)?) } else { Kind::Libsvm })
    }

    /// How much the file holds at most: of LIBSVM's text, the colons and the line breaks are counted.
    ///
    /// # Errors
    ///
    /// One sentence if the file cannot be read.
    pub fn room(&self) -> Result<Room> {
        caught(&self.path, || self.counted())
    }

    fn counted(&self) -> Result<Room> {
        match self.kind()? {
            Kind::Libsvm if self.path.is_file() => {
                let failed = |error| Error::io("read", &self.path, error);
                let mut file = File::open(&self.path).map_err(failed)?;
                let mut bytes = vec![0; 1 << 18];
                let mut room = Room { rows: 1, nonzeros: 0 };
                loop {
                    let read = file.read(&mut bytes).map_err(failed)?;
                    let text = bytes.get(..read).unwrap_or_default();
                    if text.is_empty() {
                        return Ok(room);
                    }
                    room.rows += count(text, b'\n') as usize;
                    room.nonzeros += count(text, b':') as usize;
                }
            }
            Kind::Array(Some(names)) if csr::is_sparse(&names) => {
                let matrix = Csr::open(&self.path, &names)?;
                Ok(Room { rows: matrix.rows, nonzeros: matrix.stored })
            }
            _ => Ok(Room::default()),
        }
    }

    /// The steps of [`Observer::advance`] that reading takes, about; 0 if that is not known.
    pub fn steps(&self) -> u64 {
        match fs::metadata(&self.path) {
            Ok(file) if file.is_file() => file.len().div_ceil(STEP),
            _ => 0,
        }
    }

    /// Calls `each` with all examples, some at a time, in the order of the file. Returns the number of
    /// features, if the file says it: the columns of a matrix or a table.
    ///
    /// # Errors
    ///
    /// One sentence that names the file, and the line or the place in it; what `each` returns; or the
    /// observer asked to stop.
    pub fn read(
        &self,
        observer: &dyn Observer,
        each: &mut dyn FnMut(Batch) -> Result<()>,
    ) -> Result<Option<usize>> {
        caught(&self.path, || self.read_kind(observer, each))
    }

    fn read_kind(
        &self,
        observer: &dyn Observer,
        each: &mut dyn FnMut(Batch) -> Result<()>,
    ) -> Result<Option<usize>> {
        match self.kind()? {
            Kind::Libsvm if self.is_standard_input() => {
                self.text(io::stdin().lock(), true, observer, each).map(|()| None)
            }
            Kind::Libsvm => {
                let file = File::open(&self.path).map_err(|error| Error::io("read", &self.path, error))?;
                // A pipe's lines are wanted as they come.
                let eager = !self.path.is_file();
                self.text(file, eager, observer, each).map(|()| None)
            }
            Kind::Table => self.table(observer, each).map(Some),
            Kind::Array(names) => {
                let labelled = self.with_labels(names.as_deref());
                match names {
                    Some(names) if csr::is_sparse(&names) => labelled.sparse(&names, observer, each),
                    names => {
                        labelled.expect_tensor(names.as_deref().unwrap_or_default())?;
                        labelled.dense(observer, each)
                    }
                }
                .map(Some)
            }
        }
    }

    /// Its name in errors.
    pub fn name(&self) -> &Path {
        if self.is_standard_input() { Path::new("standard input") } else { &self.path }
    }

    fn refuse<T>(&self, problem: impl Into<String>) -> Result<T> {
        Err(Error::file(self.name(), problem))
    }

    fn text(
        &self,
        from: impl Read,
        eager: bool,
        observer: &dyn Observer,
        each: &mut dyn FnMut(Batch) -> Result<()>,
    ) -> Result<()> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidData => Error::file(self.name(), error.to_string()),
            _ => Error::io("read", self.name(), error),
        };
        let mut blocks = Blocks::new(from, eager);
        let side_by_side = if eager { 1 } else { rayon::current_num_threads() };
        let (mut progress, mut is_first) = (Progress::new(observer), true);
        loop {
            let mut some = Vec::with_capacity(side_by_side);
            while some.len() < side_by_side
                && let Some(block) = blocks.next().map_err(failed)?
            {
                if std::mem::take(&mut is_first)
                    && let Some(what) = no_text(&block.text)
                {
                    return self.refuse(what);
                }
                some.push(block);
            }
            if some.is_empty() {
                return Ok(());
            }
            let batches: Vec<_> =
                some.par_iter().map(|block| libsvm::parse(block, self.labels_needed)).collect();
            for (block, batch) in some.iter().zip(batches) {
                each(batch.or_else(|problem| self.refuse(problem))?)?;
                progress.add(block.text.len() as u64);
            }
            // Who waits for a pipe cannot look whether to stop, and must not seem to.
            if !eager {
                progress.ask()?;
            }
        }
    }

    fn table(&self, observer: &dyn Observer, each: &mut dyn FnMut(Batch) -> Result<()>) -> Result<usize> {
        let path = &self.path;
        let Chosen { label, numbers } = self.chosen()?;
        let columns = Columns { label: label.as_ref(), numbers: numbers.as_deref(), by_settings: true };
        let mut labels = self.open_labels()?;
        let (mut batch, mut progress, mut place) = (Batch::default(), Progress::new(observer), 0);
        let width = table::read(path, columns, |row| {
            self.expect_features(row.numbers.len())?;
            let label = match (&mut labels, row.label) {
                (Some(labels), _) => Some(self.next_label(labels)?),
                (None, Some("")) => None,
                (None, label) => label.map(Label::of),
            };
            if label.is_none() && self.labels_needed {
                return self.refuse("has a row without a label; fill it in or leave the row out");
            }
            batch.push_dense(row.numbers, label);
            if batch.len() >= ROWS || batch.nonzeros() >= VALUES {
                each(std::mem::take(&mut batch))?;
                progress.add(row.place.saturating_sub(place));
                place = row.place;
                progress.ask()?;
            }
            Ok(())
        })?;
        each(batch)?;
        self.expect_no_more(labels)?;
        Ok(width)
    }

    /// The names of the features, if they are columns of a table that names each of them once.
    ///
    /// # Errors
    ///
    /// One sentence if the file cannot be read, or a column is not there.
    pub fn column_names(&self) -> Result<Option<Vec<String>>> {
        caught(&self.path, || {
            if !matches!(self.kind()?, Kind::Table) {
                return Ok(None);
            }
            let Chosen { label, numbers } = self.chosen()?;
            let columns = Columns { label: label.as_ref(), numbers: numbers.as_deref(), by_settings: true };
            let plan = table::plan(&self.path, columns)?;
            let names: Option<Vec<String>> =
                plan.numbers.iter().map(|place| plan.names.get(*place).cloned()).collect();
            let different: BTreeSet<&String> = names.iter().flatten().collect();
            let is_each = names.as_ref().is_some_and(|names| names.len() == different.len());
            Ok(names.filter(|_| is_each))
        })
    }

    /// The columns of a table that are features, and the one of labels.
    fn chosen(&self) -> Result<Chosen> {
        let asked = Columns {
            label: self.label_column.as_ref().filter(|_| self.labels.is_none()),
            numbers: self.columns.as_deref(),
            by_settings: true,
        };
        let plan = table::plan(&self.path, asked)?;
        if let Some(numbers) = &self.columns {
            self.expect_distinct(numbers, &plan)?;
        }
        if let Some(named) = self.named.as_deref().filter(|_| !plan.names.is_empty()) {
            return self.by_name(named, &plan);
        }
        let mut label = if self.labels.is_some() { None } else { self.column_of_labels()? };
        if let (Some(column), Some(_), None) = (&label, &self.columns, &self.label_column) {
            // Nobody has said that this feature is the label.
            let asked = Columns { label: Some(column), ..asked };
            let place = table::plan(&self.path, asked)?.label;
            if place.is_some_and(|place| plan.numbers.contains(&place)) {
                if self.labels_needed {
                    return Err(Error::setting(
                        Setting::LabelColumn,
                        format!(
                            "must say which column of {} has the labels: {} is among the features",
                            self.path.display(),
                            plan.name(place.unwrap_or_default())
                        ),
                    ));
                }
                label = None;
            }
        }
        Ok(Chosen { label, numbers: self.columns.clone() })
    }

    /// `Ok` if no column is a feature twice, or a feature and the label.
    fn expect_distinct(&self, numbers: &[Column], plan: &table::Plan) -> Result<()> {
        let mut seen = BTreeSet::new();
        for place in plan.numbers.iter().take(numbers.len()) {
            let name = || plan.name(*place);
            if !seen.insert(*place) {
                return Err(Error::setting(
                    Setting::Columns,
                    format!("names {} twice; name it once", name()),
                ));
            }
            if plan.label == Some(*place) {
                let problem = format!("names {}, which has the labels; leave it out", name());
                return Err(Error::setting(Setting::Columns, problem));
            }
        }
        Ok(())
    }

    /// The columns with these names. If nothing says which column has the labels, it is one of the others:
    /// the one that is called so or has words, the only one, or the last.
    fn by_name(&self, named: &[String], plan: &table::Plan) -> Result<Chosen> {
        let mut places = BTreeMap::new();
        for (place, name) in plan.names.iter().enumerate() {
            places.entry(name.as_str()).or_insert_with(Vec::new).push(place);
        }
        let mut numbers = Vec::with_capacity(named.len());
        for name in named {
            match places.get(name.as_str()).map(Vec::as_slice) {
                Some([place]) => numbers.push(*place),
                Some(_) => {
                    return self.refuse(format!("has several columns called `{name}`; name each once"));
                }
                None => {
                    return self.refuse(format!(
                        "has no column `{name}`, which the classifier was trained on, only {}; add it",
                        some_of(&plan.names)
                    ));
                }
            }
        }
        let wanted: BTreeSet<usize> = numbers.iter().copied().collect();
        if self.columns.is_some() && plan.numbers.iter().copied().collect::<BTreeSet<_>>() != wanted {
            let asked: Vec<String> =
                plan.numbers.iter().filter_map(|at| plan.names.get(*at).cloned()).collect();
            return Err(Error::setting(
                Setting::Columns,
                format!(
                    "names {}, but the classifier was trained on {}; leave it out",
                    some_of(&asked),
                    some_of(named)
                ),
            ));
        }
        let label = match (&self.labels, plan.label) {
            (Some(_), _) => None,
            (None, Some(label)) => Some(label),
            (None, None) => {
                let others: Vec<usize> =
                    (0..plan.names.len()).filter(|place| !wanted.contains(place)).collect();
                let guess = label_column(&self.path)?.and_then(|(column, _)| column.place(&plan.names).ok());
                let last = plan.names.len().saturating_sub(1);
                match others[..] {
                    [only] => Some(only),
                    _ => [guess, Some(last)].into_iter().flatten().find(|place| others.contains(place)),
                }
            }
        };
        let column = |place: usize| Column::Place(place as i64);
        Ok(Chosen { label: label.map(column), numbers: Some(numbers.into_iter().map(column).collect()) })
    }

    /// The column of labels: the one that is named, that is called so, or that has words, and else the last.
    fn column_of_labels(&self) -> Result<Option<Column>> {
        if self.label_column.is_some() {
            return Ok(self.label_column.clone());
        }
        let (names, rows) = table::peek(&self.path)?;
        let width = rows.first().map_or(names.len(), Vec::len);
        if self.features == Some(width) {
            return Ok(None);
        }
        Ok(label_column(&self.path)?.map(|(column, _)| column).or(Some(Column::Place(-1))))
    }

    /// The same with the labels that an archive has beside the examples.
    fn with_labels(&self, names: Option<&[String]>) -> Self {
        let mut found = self.clone();
        let Some(names) = names else { return found };
        let called = || names.iter().find(|name| is_labels(Path::new(name))).cloned();
        let mut beside = None;
        if self.labels.is_none() {
            beside = self.label_tensor.clone().or_else(called);
        }
        if beside.is_some() {
            found.labels = Some(self.path.clone());
            found.label_tensor = beside.clone();
        }
        let is_other = |name: &&String| !is_labels(Path::new(name)) && beside.as_ref() != Some(name);
        let mut others = names.iter().filter(is_other);
        if let (None, Some(only), None) = (&self.tensor, others.next(), others.next()) {
            found.tensor = Some(only.clone());
        }
        found
    }

    fn sparse(
        &self,
        names: &[String],
        observer: &dyn Observer,
        each: &mut dyn FnMut(Batch) -> Result<()>,
    ) -> Result<usize> {
        let mut matrix = Csr::open(&self.path, names)?;
        let mut labels = self.open_labels()?;
        let mut progress = Progress::new(observer);
        while let Some(mut batch) = matrix.next()? {
            if let Some(labels) = &mut labels {
                batch.try_label(|| self.next_label(labels))?;
            }
            progress.add(batch.nonzeros() as u64 * size_of::<[u32; 2]>() as u64);
            each(batch)?;
            progress.ask()?;
        }
        self.expect_no_more(labels)?;
        Ok(matrix.features)
    }

    fn dense(&self, observer: &dyn Observer, each: &mut dyn FnMut(Batch) -> Result<()>) -> Result<usize> {
        let array = Array::open(&self.path, self.tensor.as_deref())?;
        let element = array.element()?;
        let shape = array.header.shape.clone();
        let [count, rest @ ..] = &shape[..] else {
            return self.refuse("is a single number, but examples are rows of an array");
        };
        let width: usize = rest.iter().product();
        if rest.is_empty() {
            return self
                .refuse(format!("is an array of {count}, but examples are the rows of N x D numbers"));
        }
        if *count == 0 || width == 0 {
            return self.refuse(format!("holds no examples: it is an array of {}", array.shape()));
        }
        if u32::try_from(width).is_err() {
            return self.refuse(format!("has rows of {width} numbers, but fewer than 2^32 are read"));
        }
        self.expect_features(width)?;
        let mut labels = self.open_labels()?;
        let (mut batch, mut progress) = (Batch::default(), Progress::new(observer));
        let mut push = |row: &[f32]| {
            let label = labels.as_mut().map(|labels| self.next_label(labels)).transpose()?;
            batch.push_dense(row, label);
            if batch.len() >= ROWS || batch.len() * width >= VALUES {
                progress.add((batch.len() * width * element.bytes()) as u64);
                each(std::mem::take(&mut batch))?;
                progress.ask()?;
            }
            Ok(())
        };
        let fortran = array.header.fortran;
        let part = array.part()?;
        if fortran {
            fortran::samples(part, &shape, &mut push)?;
        } else {
            let stored = Stored::new(vec![part], width, None);
            stored.each(|rows| rows.chunks_exact(width).try_for_each(&mut push))?;
        }
        each(batch)?;
        self.expect_no_more(labels)?;
        Ok(width)
    }

    /// `Ok` if it is known which of these arrays has the examples.
    fn expect_tensor(&self, names: &[String]) -> Result<()> {
        match (&self.tensor, names) {
            (None, [_, _, ..]) => Err(Error::setting(
                Setting::Tensor,
                format!(
                    "must say which array of {} has the examples: {}",
                    self.path.display(),
                    some_of(names)
                ),
            )),
            _ => Ok(()),
        }
    }

    /// `Ok` if it is known which array or column of the file of labels has them.
    fn expect_labels_known(&self, path: &Path) -> Result<()> {
        if is_table(path) {
            if self.label_column.is_some() {
                return Ok(());
            }
            let (names, rows) = table::peek(path)?;
            let width = rows.first().map_or(names.len(), Vec::len);
            if width > 1 {
                return Err(Error::setting(
                    Setting::LabelColumn,
                    format!("must say which of the {width} columns of {} has the labels", path.display()),
                ));
            }
        } else if self.label_tensor.is_none() {
            let names = array::names(path)?.unwrap_or_default();
            if names.len() > 1 {
                return Err(Error::setting(
                    Setting::LabelTensor,
                    format!("must say which array of {} has the labels: {}", path.display(), some_of(&names)),
                ));
            }
        }
        Ok(())
    }

    fn expect_features(&self, width: usize) -> Result<()> {
        match self.features {
            Some(features) if features != width => {
                self.refuse(format!("has rows of {width} numbers, but the classifier takes {features}"))
            }
            _ => Ok(()),
        }
    }

    fn open_labels(&self) -> Result<Option<Labels>> {
        match &self.labels {
            Some(path) => {
                self.expect_labels_known(path)?;
                Labels::open(path, self.label_tensor.as_deref(), self.label_column.as_ref()).map(Some)
            }
            None if self.labels_needed && !is_table(&self.path) => Err(Error::setting(
                Setting::Labels,
                format!("must name the file of labels, which {} does not hold", self.path.display()),
            )),
            None => Ok(None),
        }
    }

    fn next_label(&self, labels: &mut Labels) -> Result<Label> {
        labels.next()?.ok_or_else(|| self.other_count("fewer"))
    }

    fn expect_no_more(&self, labels: Option<Labels>) -> Result<()> {
        match labels.map(|mut labels| labels.next()).transpose()?.flatten() {
            Some(_) => Err(self.other_count("more")),
            None => Ok(()),
        }
    }

    fn other_count(&self, what: &str) -> Error {
        let file = self.labels.as_deref().unwrap_or(&self.path);
        let examples = self.path.display();
        Error::file(file, format!("has {what} labels than {examples} has examples; give the labels of these"))
    }
}

/// The first names, for people.
fn some_of(names: &[String]) -> String {
    const MOST: usize = 12;
    let first = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{first}, ...") } else { first }
}

/// Whether the first line of a file that is called like a table is an example of LIBSVM's text.
fn is_text_of_libsvm(path: &Path) -> Result<bool> {
    /// The longest beginning that is looked at.
    const MOST: u64 = 1 << 20;
    let failed = |error| Error::io("read", path, error);
    let mut start = Vec::new();
    File::open(path).map_err(failed)?.take(MOST).read_to_end(&mut start).map_err(failed)?;
    let mut lines = start.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(b"#"));
    // The end of a line that is longer may be half a number.
    let whole = |line: &[u8]| line.iter().rposition(u8::is_ascii_whitespace).unwrap_or(0);
    let cut = start.len() as u64 == MOST;
    Ok(first.is_some_and(|line| {
        libsvm::is_example(if cut { line.get(..whole(line)).unwrap_or_default() } else { line })
    }))
}

/// Why a file is no text, by its first bytes.
fn no_text(start: &[u8]) -> Option<&'static str> {
    match start {
        [0x1f, 0x8b, ..] => Some("is compressed by gzip; unpack it, or read `zcat FILE` from standard input"),
        [b'B', b'Z', b'h', ..] => {
            Some("is compressed by bzip2; unpack it, or read `bzcat FILE` from standard input")
        }
        [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            Some("is compressed by xz; unpack it, or read `xzcat FILE` from standard input")
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("is text in UTF-16; save it as UTF-8"),
        _ => None,
    }
}

/// How much of a file has been read, in steps.
struct Progress<'a> {
    observer: &'a dyn Observer,
    bytes: u64,
}

impl<'a> Progress<'a> {
    fn new(observer: &'a dyn Observer) -> Self {
        Self { observer, bytes: 0 }
    }

    fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.observer.advance(self.bytes / STEP);
        self.bytes %= STEP;
    }

    fn ask(&self) -> Result<()> {
        if self.observer.should_stop() { Err(Error::Interrupted(Interrupted::Reading)) } else { Ok(()) }
    }
}
