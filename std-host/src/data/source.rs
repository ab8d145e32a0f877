//! Where a data set's bytes come from: a plain file, a gzip file, or the program itself.
//!
//! Whether a file is gzip is decided by its bytes, not by its name: a browser may unpack a download and leave
//! `.gz` in the name, or the other way round. A source knows an upper bound of its bytes, so that a reader
//! can refuse an absurd header before it allocates.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;

use crate::error::{Error, Result};
use crate::memory::reserve;

/// The first two bytes of every gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Deflate encodes at most 258 bytes in 2 bits, and so at most 1032 bytes in one.
const MOST_INFLATION: u64 = 1032;

/// A stream of bytes, with a name for error messages and a bound on its length.
pub(super) struct Source<'a> {
    reader: Box<dyn Read + 'a>,
    name: PathBuf,
    stored: u64,
    compressed: bool,
}

impl Source<'static> {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Result<Self> {
        // Checked before opening, because opening a named pipe would wait forever.
        let metadata = fs::metadata(path).map_err(|error| Error::io("read", path, error))?;
        if !metadata.is_file() {
            return Err(Error::file(path, "is not a file; put the data set's file there"));
        }
        let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
        Self::new(BufReader::with_capacity(1 << 16, file), path, metadata.len())
    }
}

impl<'a> Source<'a> {
    /// Reads bytes in memory; `name` is their name in error messages.
    pub(super) fn bytes(bytes: &'a [u8], name: &Path) -> Result<Self> {
        Self::new(bytes, name, bytes.len() as u64)
    }

    fn new(mut raw: impl BufRead + 'a, name: &Path, stored: u64) -> Result<Self> {
        let start = raw.fill_buf().map_err(|error| Error::io("read", name, error))?;
        let compressed = start.starts_with(&GZIP);
        let reader: Box<dyn Read + 'a> =
            if compressed { Box::new(Members(Some(GzDecoder::new(raw)))) } else { Box::new(raw) };
        Ok(Self { reader, name: name.to_path_buf(), stored, compressed })
    }

    /// The name in error messages.
    pub(super) fn name(&self) -> &Path {
        &self.name
    }

    /// Bytes on the disk, as stored.
    pub(super) fn stored(&self) -> u64 {
        self.stored
    }

    /// Whether it is compressed by gzip.
    pub(super) fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// An upper bound of the bytes that come out: the length itself or, for gzip, the most that it can expand
    /// to.
    pub(super) fn most(&self) -> u64 {
        if self.compressed { self.stored.saturating_mul(MOST_INFLATION) } else { self.stored }
    }

    /// Reads until `buffer` is full or the source ends, and returns the number of bytes read.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.reader.read(rest) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(error)),
            }
        }
        Ok(filled)
    }

    /// Reads `count` bytes, or fewer if the source ends before.
    ///
    /// For plain bytes the memory is allocated at once, but never more than the source holds; for compressed
    /// bytes it grows while they are read.
    pub(super) fn read(&mut self, count: u64) -> Result<Vec<u8>> {
        /// Read between two looks at the memory.
        const PIECE: u64 = 1 << 20;
        let what = || format!("{}: its content", self.name.display());
        let mut bytes = Vec::new();
        let certain = if self.compressed { 0 } else { count.min(self.stored) };
        reserve::grow(&mut bytes, usize::try_from(certain).unwrap_or(usize::MAX), what)?;
        while (bytes.len() as u64) < count {
            let piece = (count - bytes.len() as u64).min(PIECE);
            reserve::grow(&mut bytes, piece as usize, what)?;
            match self.reader.by_ref().take(piece).read_to_end(&mut bytes) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Err(self.failure(error)),
            }
        }
        Ok(bytes)
    }

    fn failure(&self, error: io::Error) -> Error {
        match error.kind() {
            ErrorKind::UnexpectedEof if self.compressed => {
                Error::file(&self.name, "is a gzip file that is cut off; get the file again")
            }
            ErrorKind::InvalidInput | ErrorKind::InvalidData if self.compressed => {
                Error::file(&self.name, format!("is a damaged gzip file ({error}); get the file again"))
            }
            _ => Error::io("read", &self.name, error),
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

/// The content of a gzip file: one compressed member after the other, usually just one.
///
/// Unlike `flate2`'s `MultiGzDecoder`, it distinguishes a file that is followed by other bytes from one that
/// is cut off.
struct Members<R: BufRead>(Option<GzDecoder<R>>);

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(mut raw) = self.0.take().map(GzDecoder::into_inner) else { break };
            match raw.fill_buf()?.first() {
                None => break,
                // The decoder checks the rest of the header.
                Some(first) if GZIP.starts_with(&[*first]) => self.0 = Some(GzDecoder::new(raw)),
                Some(_) => return Err(io::Error::new(ErrorKind::InvalidData, "other bytes follow its end")),
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// `bytes` as a gzip file.
    pub(in crate::data) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn all(bytes: &[u8]) -> Result<Vec<u8>> {
        Source::bytes(bytes, Path::new("x"))?.read(u64::MAX)
    }

    #[test]
    fn plain_and_compressed_bytes_are_the_same() {
        let text: Vec<u8> = (0..300_000u32).map(|i| (i / 7) as u8).collect();
        assert_eq!(all(&text).unwrap(), text);
        assert_eq!(all(&gzip(&text)).unwrap(), text);
        let members = [gzip(b"one "), gzip(b"file")].concat();
        assert_eq!(all(&members).unwrap(), b"one file", "gzip files may be joined");
        let mut source = Source::bytes(b"abcde", Path::new("x")).unwrap();
        let mut three = [0; 3];
        assert_eq!((source.fill(&mut three).unwrap(), &three), (3, b"abc"));
        assert_eq!((source.fill(&mut three).unwrap(), &three), (2, b"dec"));
        assert_eq!(source.fill(&mut three).unwrap(), 0);
    }

    #[test]
    fn no_gzip_file_holds_more_than_its_bound() {
        let packed = gzip(&vec![0; 20_000_000]);
        let mut source = Source::bytes(&packed, Path::new("x")).unwrap();
        assert!(source.most() >= 20_000_000 && source.most() < 21_000_000, "{}", source.most());
        assert_eq!(source.read(10).unwrap().len(), 10);
    }

    #[test]
    fn damage_is_told_in_one_sentence() {
        let good = gzip(b"some text that is longer than its trailer");
        for cut in 2..good.len() {
            let sentence = all(&good[..cut]).unwrap_err().to_string();
            assert_eq!(sentence, "x: is a gzip file that is cut off; get the file again", "{cut}");
        }
        let mut checksum = good.clone();
        let at = checksum.len() - 8;
        checksum[at] ^= 1;
        for bad in [checksum, [good.clone(), b"more".to_vec()].concat()] {
            let sentence = all(&bad).unwrap_err().to_string();
            assert!(
                sentence.starts_with("x: is a damaged gzip file") && !sentence.contains('\n'),
                "{sentence}"
            );
        }
    }

    #[test]
    fn only_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let sentence = |path: &Path| Source::open(path).err().unwrap().to_string();
        assert!(sentence(folder.path()).contains("is not a file"));
        assert!(sentence(&folder.path().join("none")).starts_with("cannot read "));
    }
}
