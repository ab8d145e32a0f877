//! What a file of tensors says of itself: a checksum of all that it holds, and what it belongs to.
//!
//! The metadata of a sealed safetensors file has `checksum_crc32`, `wta_version` (the program that wrote it)
//! and the links of its kind, such as the checksum of the weights that a classifier is for. The checksum is
//! the CRC-32, in hexadecimal, of these bytes:
//!
//! 1. for each tensor, in the order of the names: the name, a zero byte, the type as in the file's header
//!    (`F32`), for each dimension the number as 8 little-endian bytes, the data;
//! 2. for each other key of the metadata, in the order of the keys: the key, a zero byte, the value, a zero
//!    byte.
//!
//! A file without a checksum is of an earlier version, or of another program. It is read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorView};

use super::atomic;
use crate::error::{Error, Result};
use crate::memory::reserve;

/// The key of the checksum.
const CHECKSUM: &str = "checksum_crc32";

/// The key of the program's version.
const VERSION: &str = "wta_version";

/// The metadata of a sealed file, in the order of the keys.
pub(crate) type Described = BTreeMap<String, String>;

/// A file that is ready to be written.
pub(crate) struct Sealed {
    /// Its length and its header, with metadata.
    header: Vec<u8>,
    /// The file as the library makes it, without metadata.
    plain: Vec<u8>,
    /// Where its data begin.
    data: usize,
    /// The checksum of what it holds.
    pub(crate) checksum: String,
}

impl Sealed {
    /// A safetensors file with this metadata, the program's version and a checksum. The same content gives
    /// the same bytes.
    pub(crate) fn new(
        path: &Path,
        tensors: &[(&str, TensorView<'_>)],
        described: &[(&str, String)],
    ) -> Result<Self> {
        let failed = |error: &dyn std::fmt::Display| Error::file(path, error.to_string());
        let bytes: usize = tensors.iter().map(|(_, view)| view.data().len()).sum();
        reserve::expect(bytes as u64, || format!("{}: the file", path.display()))?;
        let mut metadata: Described =
            described.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        metadata.insert(VERSION.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        metadata.insert("format".to_owned(), "pt".to_owned());
        let checksum = checksum(tensors.iter().map(|(name, view)| (*name, view)).collect(), &metadata);
        metadata.insert(CHECKSUM.to_owned(), checksum.clone());
        // The library keeps metadata in a hash map, whose order is another one each time. So they are put
        // into the header here.
        let views = tensors.iter().map(|(name, view)| (*name, view));
        let plain = safetensors::serialize(views, None).map_err(|error| failed(&error))?;
        let old = header(&plain).ok_or_else(|| failed(&"cannot be written as safetensors"))?;
        let data = LEN + old.len();
        let metadata = serde_json::to_string(&metadata).map_err(|error| failed(&error))?;
        let rest = old.trim_end().strip_prefix('{').unwrap_or_default();
        let comma = if rest == "}" { "" } else { "," };
        let mut header = format!("{{\"__metadata__\":{metadata}{comma}{rest}");
        // Data begin at a multiple of 8.
        header += &" ".repeat(header.len().next_multiple_of(LEN) - header.len());
        let header = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
        Ok(Self { header, plain, data, checksum })
    }

    /// The bytes of the file.
    pub(crate) fn len(&self) -> u64 {
        (self.header.len() + self.plain.len() - self.data) as u64
    }

    /// Writes the file into a folder of this library's.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        atomic::replace(path, |to| self.content(to))
    }

    /// Writes the file where somebody wants it.
    pub(crate) fn write_to(&self, path: &Path) -> Result<()> {
        atomic::write(path, |to| self.content(to))
    }

    fn content(&self, to: &mut dyn Write) -> io::Result<()> {
        to.write_all(&self.header)?;
        to.write_all(self.plain.get(self.data..).unwrap_or_default())
    }
}

/// The bytes of the header's length.
const LEN: usize = 8;

/// The header of a safetensors file.
fn header(file: &[u8]) -> Option<&str> {
    let (len, rest) = file.split_first_chunk::<LEN>()?;
    std::str::from_utf8(rest.get(..usize::try_from(u64::from_le_bytes(*len)).ok()?)?).ok()
}

/// What a file says of itself, once its checksum has been found to be right; without a checksum, nothing.
///
/// # Errors
///
/// [`Error::File`] if the checksum is wrong: `remedy` says what to do then.
pub(crate) fn opened(
    path: &Path,
    tensors: &SafeTensors<'_>,
    metadata: &Metadata,
    remedy: &str,
) -> Result<Option<Described>> {
    let Some(metadata) = metadata.metadata() else { return Ok(None) };
    let mut described: Described = metadata.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let stored = match described.remove(CHECKSUM) {
        Some(stored) => stored,
        // Each version that writes its number also writes a checksum.
        None if described.contains_key(VERSION) => "in its metadata".to_owned(),
        None => return Ok(None),
    };
    let views: Vec<(&str, TensorView<'_>)> = tensors.iter().collect();
    let found = checksum(views.iter().map(|(name, view)| (*name, view)).collect(), &described);
    if stored != found {
        let seen = views.iter().find_map(|(name, view)| not_finite(name, view)).unwrap_or_default();
        return Err(Error::file(
            path,
            format!("is damaged: {seen}its checksum is {found}, and should be {stored}; {remedy}"),
        ));
    }
    Ok(Some(described))
}

/// The first number of a tensor that is not finite.
fn not_finite(name: &str, view: &TensorView<'_>) -> Option<String> {
    let (words, _) = view.data().as_chunks::<4>();
    let is_odd = |word: &[u8; 4]| view.dtype() == Dtype::F32 && !f32::from_le_bytes(*word).is_finite();
    let index = words.iter().position(is_odd)?;
    Some(format!("element {index} of tensor {name} is not a finite number, "))
}

fn checksum(mut tensors: Vec<(&str, &TensorView<'_>)>, metadata: &Described) -> String {
    let mut hasher = crc32fast::Hasher::new();
    tensors.sort_by_key(|(name, _)| *name);
    for (name, view) in tensors {
        hasher.update(name.as_bytes());
        hasher.update(&[0]);
        hasher.update(view.dtype().to_string().as_bytes());
        view.shape().iter().for_each(|size| hasher.update(&(*size as u64).to_le_bytes()));
        hasher.update(view.data());
    }
    for (key, value) in metadata {
        [key, value].into_iter().for_each(|text| {
            hasher.update(text.as_bytes());
            hasher.update(&[0]);
        });
    }
    format!("{:08x}", hasher.finalize())
}

/// The longest header that is read to look for a checksum.
const LONGEST_HEADER: u64 = 1 << 24;

/// The checksum that a file says it has, without reading its data; `None` if it says none or cannot be read.
pub(crate) fn stated(path: &Path) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Header {
        #[serde(rename = "__metadata__")]
        metadata: Described,
    }
    let mut file = path.is_file().then(|| File::open(path).ok()).flatten()?;
    let mut len = [0; 8];
    file.read_exact(&mut len).ok()?;
    let mut header = Vec::new();
    file.take(u64::from_le_bytes(len).min(LONGEST_HEADER)).read_to_end(&mut header).ok()?;
    serde_json::from_slice::<Header>(&header).ok()?.metadata.remove(CHECKSUM)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (Vec<u8>, String) {
        let (a, b) = ([0u8; 12], [7u8; 8]);
        let tensors = [
            ("b", TensorView::new(Dtype::F32, vec![3, 1], &a).unwrap()),
            ("a", TensorView::new(Dtype::U64, vec![1], &b).unwrap()),
        ];
        let links = [("recipe", "0a".to_owned()), ("weights", "\"1\"".to_owned())];
        written(Sealed::new(Path::new("x"), &tensors, &links).unwrap())
    }

    fn written(sealed: Sealed) -> (Vec<u8>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        sealed.write(&path).unwrap();
        (std::fs::read(&path).unwrap(), sealed.checksum)
    }

    fn open(file: &[u8]) -> Result<Option<Described>> {
        let (_, metadata) = SafeTensors::read_metadata(file).unwrap();
        opened(Path::new("x"), &SafeTensors::deserialize(file).unwrap(), &metadata, "make it again")
    }

    #[test]
    fn the_same_content_gives_the_same_bytes_and_links_come_back() {
        let (bytes, checksum) = file();
        for _ in 0..20 {
            assert_eq!(file().0, bytes);
        }
        let described = open(&bytes).unwrap().unwrap();
        assert_eq!((described["recipe"].as_str(), described["weights"].as_str()), ("0a", "\"1\""));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(stated(&path), Some(checksum));
    }

    #[test]
    fn the_checksum_is_the_documented_one() {
        let mut bytes = b"a\0U64".to_vec();
        bytes.extend(1u64.to_le_bytes());
        bytes.extend([7; 8]);
        bytes.extend(b"b\0F32");
        bytes.extend(3u64.to_le_bytes());
        bytes.extend(1u64.to_le_bytes());
        bytes.extend([0; 12]);
        let version = env!("CARGO_PKG_VERSION");
        bytes.extend(format!("format\0pt\0recipe\x000a\0weights\0\"1\"\0wta_version\0{version}\0").bytes());
        assert_eq!(file().1, format!("{:08x}", crc32fast::hash(&bytes)));
    }

    #[test]
    fn every_flipped_bit_is_noticed_or_no_safetensors() {
        let (whole, _) = file();
        for at in 0..8 * whole.len() {
            let mut bytes = whole.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            let Ok((_, metadata)) = SafeTensors::read_metadata(&bytes) else { continue };
            let Ok(tensors) = SafeTensors::deserialize(&bytes) else { continue };
            let refused = opened(Path::new("x"), &tensors, &metadata, "make it again");
            // Without the key of the metadata, a reader takes them for a tensor, and refuses it.
            let none = metadata.metadata().is_none();
            assert!(none || refused.is_err_and(|e| e.to_string().contains("make it again")), "bit {at}");
        }
    }

    #[test]
    fn files_without_tensors_and_without_metadata_are_files_too() {
        let (bytes, _) = written(Sealed::new(Path::new("x"), &[], &[]).unwrap());
        assert!(open(&bytes).unwrap().is_some());
        let none: [(&str, TensorView<'_>); 0] = [];
        assert_eq!(open(&safetensors::serialize(none, None).unwrap()).unwrap(), None);
    }
}
