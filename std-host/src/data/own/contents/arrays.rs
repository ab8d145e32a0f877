//! `.npy` files and `.npz` archives.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::data::contents::Contents;
use crate::data::own::array::length;
use crate::data::own::csr::{self, Csr};
use crate::data::own::header::{Content, Header, by};
use crate::data::own::{archive, npy as format};
use crate::data::range::Range;
use crate::decoders::caught;
use crate::error::{Error, Result};

const NPY: &str = "a NumPy array (.npy)";
const NPZ: &str = "an archive of NumPy arrays (.npz)";

/// Who reads what `wta` does not.
const OTHERS: &str = "numpy.load";

/// Bytes that are looked at together: a multiple of the size of every number.
const PIECE: usize = 1 << 16;

/// What a `.npy` file holds.
pub(crate) fn npy(path: &Path) -> Contents {
    let read = || {
        let stored = length(path)?;
        let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
        let mut reader = BufReader::with_capacity(PIECE, file);
        let header = format::npy(&mut reader, stored).map_err(|problem| Error::file(path, problem))?;
        let range = range(&header, &mut reader).map_err(|error| Error::io("read", path, error))?;
        Ok((header, range))
    };
    match caught(path, read) {
        Ok((header, range)) => {
            let contents = with_array(Contents::new(NPY, readers(&header)), "array", &header, range);
            if header.shape.contains(&0) {
                let problem = format!("holds no numbers: it is an array of {}", by(&header.shape));
                return contents.wrong(Error::file(path, problem));
            }
            contents
        }
        Err(error) => Contents::new(NPY, OTHERS).wrong(error),
    }
}

/// Who reads an array, by its shape.
fn readers(header: &Header) -> &'static str {
    match (header.content, &header.shape[..]) {
        (_, []) => "numpy.load; nobody here, as it is a single number",
        (Content::Text { .. }, _) => "data = { set = \"array\", train_labels = FILE }; numpy.load",
        (_, [_]) => {
            "data = { set = \"array\", train_labels = FILE }, as labels; `wta init`, as a recording; numpy.load"
        }
        (_, [_, _]) => "`wta init`, which makes a recipe for it; `wta svm`; numpy.load",
        _ => "`wta init`, which makes a recipe for it; numpy.load",
    }
}

fn with_array(contents: Contents, name: &str, header: &Header, range: Option<Range>) -> Contents {
    let dtype = match header.content {
        Content::Numbers(element) => element.name().to_owned(),
        Content::Text { characters, .. } => format!("text of {characters}"),
    };
    contents.array(name, &dtype, &header.shape, range)
}

/// The range of an array's numbers, which come next in a stream; `None` if they are strings.
fn range(header: &Header, from: &mut dyn Read) -> io::Result<Option<Range>> {
    let mut left = header.len() as u64 * header.content.bytes() as u64;
    let (mut piece, mut range) = (vec![0; PIECE], Range::default());
    while left > 0 {
        let most = left.min(PIECE as u64);
        let bytes = piece.get_mut(..most as usize).unwrap_or_default();
        from.read_exact(bytes)?;
        if let Content::Numbers(element) = header.content {
            range.add_stored(element, bytes, header.big_endian);
        }
        left -= most;
    }
    Ok(matches!(header.content, Content::Numbers(_)).then_some(range))
}

/// What a `.npz` archive holds.
pub(crate) fn npz(path: &Path) -> Contents {
    match caught(path, || read_npz(path)) {
        Ok(contents) => contents,
        Err(error) => Contents::new(NPZ, "nobody").wrong(error),
    }
}

fn read_npz(path: &Path) -> Result<Contents> {
    let readers =
        "`wta init`, which makes a recipe for it; data = { set = \"array\", tensor = NAME }; numpy.load";
    let (mut contents, mut names, mut others) = (Contents::new(NPZ, readers), Vec::new(), 0);
    archive::each(path, |member, size, bytes| {
        let Some(name) = member.strip_suffix(".npy") else {
            others += 1;
            return Ok(());
        };
        names.push(name.to_owned());
        let failed = |error: io::Error| {
            Error::file(path.join(name), format!("is cut off or damaged ({error}); write the archive again"))
        };
        let mut problem = |error| contents.problems.push(error);
        match format::npy(bytes, size) {
            // The next ones may be whole.
            Err(sentence) => problem(Error::file(path.join(name), sentence)),
            Ok(header) => match range(&header, bytes) {
                Err(error) => problem(failed(error)),
                Ok(range) => {
                    let empty = Contents::new(NPZ, readers);
                    let kept = std::mem::replace(&mut contents, empty);
                    contents = with_array(kept, name, &header, range);
                }
            },
        }
        Ok(())
    })?;
    if names.is_empty() {
        let found = Contents::new("a zip archive without NumPy arrays", "unzip");
        return Ok(found.wrong(Error::file(path, "holds no array of NumPy's; unpack it")));
    }
    if others > 0 {
        contents = contents.with("others", format!("{others} files that are no arrays of NumPy's"));
    }
    if !csr::is_sparse(&names) {
        return Ok(contents);
    }
    contents.kind = "a sparse matrix (CSR, .npz)";
    contents.readers = "`wta svm`; scipy.sparse.load_npz";
    let read = || {
        let mut matrix = Csr::open(path, &names)?;
        while matrix.next()?.is_some() {}
        Ok(matrix)
    };
    Ok(match read() {
        Ok(matrix) => {
            contents.with("matrix", by(&[matrix.rows, matrix.features])).with("stored", matrix.stored)
        }
        // What is wrong with one of its arrays has been said.
        Err(_) if !contents.problems.is_empty() => contents,
        Err(error) => contents.wrong(error),
    })
}
