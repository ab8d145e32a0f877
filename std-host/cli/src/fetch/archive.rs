//! The batches in the archive of CIFAR-10.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use tar::Archive;
use wta::Observer;
use wta::files::atomic;

use crate::error::{Error, Result};

/// The folder that the archive holds.
pub(super) const FOLDER: &str = "cifar-10-batches-bin";

const BATCHES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// 10,000 records of a label and 32 x 32 x 3 bytes.
const BATCH: u64 = 10_000 * (1 + 3 * 32 * 32);

/// Whether all batches are there.
pub(super) fn is_unpacked(home: &Path) -> bool {
    BATCHES.iter().all(|name| home.join(FOLDER).join(name).exists())
}

/// Writes the batches of the archive into their folder below `home`. What else is in it is left there.
pub(super) fn unpack(archive: &Path, home: &Path, observer: &dyn Observer) -> Result<()> {
    let failed = |error| wta::Error::io("read", archive, error);
    let folder = home.join(FOLDER);
    atomic::create_dir(&folder)?;
    let mut unpacked = Archive::new(GzDecoder::new(BufReader::new(File::open(archive).map_err(failed)?)));
    observer.begin("unpack", BATCHES.len() as u64);
    for entry in unpacked.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let path = entry.path().map_err(failed)?.into_owned();
        // Known names alone, so that nothing is written elsewhere.
        let Some(name) = BATCHES.iter().find(|name| path == Path::new(FOLDER).join(name)) else { continue };
        let mut bytes = Vec::new();
        entry.by_ref().take(BATCH + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 != BATCH {
            let problem =
                format!("has a {name} of another size than the published one; remove it, and run this again");
            return Err(wta::Error::file(archive, problem).into());
        }
        atomic::replace(&folder.join(name), |to| to.write_all(&bytes))?;
        observer.advance(1);
        if observer.should_stop() {
            return Err(Error::Paused("give the same command again to go on".to_owned()));
        }
    }
    observer.end();
    if !is_unpacked(home) {
        return Err(
            wta::Error::file(archive, "lacks a batch of CIFAR-10; remove it, and run this again").into()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::*;

    fn archive(path: &Path, files: &[(&str, usize)]) {
        let mut builder = Builder::new(GzEncoder::new(File::create(path).unwrap(), Compression::fast()));
        for (name, bytes) in files {
            let mut header = Header::new_gnu();
            header.set_size(*bytes as u64);
            header.set_mode(0o644);
            // As it stands, which the library would refuse to write.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, &vec![7; *bytes][..]).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap();
    }

    #[test]
    fn batches_are_unpacked_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar.gz");
        let names: Vec<String> = BATCHES.iter().map(|name| format!("{FOLDER}/{name}")).collect();
        let mut files: Vec<(&str, usize)> =
            names.iter().map(|name| (name.as_str(), BATCH as usize)).collect();
        files.extend([("../escaped", 3), ("cifar-10-batches-bin/readme.html", 5), ("/tmp/wta-escaped", 3)]);
        archive(&path, &files);
        let home = folder.path().join("home");
        unpack(&path, &home, &()).unwrap();
        assert!(is_unpacked(&home) && !folder.path().join("escaped").exists());
        assert_eq!(std::fs::read_dir(home.join(FOLDER)).unwrap().count(), BATCHES.len());
        assert!(!Path::new("/tmp/wta-escaped").exists());

        archive(&path, &files[1..]);
        std::fs::remove_dir_all(&home).unwrap();
        assert!(unpack(&path, &home, &()).unwrap_err().to_string().contains("lacks a batch"));
        archive(&path, &[(names[0].as_str(), 10)]);
        assert!(unpack(&path, &home, &()).unwrap_err().to_string().contains("another size"));
        std::fs::write(&path, b"no archive").unwrap();
        assert!(unpack(&path, &home, &()).is_err());
    }
}
