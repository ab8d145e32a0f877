//! A file from the network, which goes on where an earlier try has stopped.
//!
//! What has come is in `NAME.part`. It becomes `NAME` when the whole is there and the check finds it good. A
//! check that finds another file than the published one removes it, so that the next try begins anew.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};
use wta::Observer;
use wta::data::inventory::State;

use crate::error::{Error, Result};

/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked whether to stop.
const TICK: Duration = Duration::from_millis(100);

/// Bytes that are read at a time, and how many such pieces may wait to be written.
const PIECE: usize = 1 << 16;
const WAITING: usize = 16;

/// A download.
pub(super) struct Download<'a> {
    pub(super) url: &'a str,
    pub(super) target: &'a Path,
    /// What is known of the whole file; `None` if nothing is.
    pub(super) check: &'a dyn Fn(&Path) -> Option<State>,
}

impl Download<'_> {
    /// Downloads it.
    pub(super) fn run(&self, observer: &dyn Observer) -> Result<()> {
        let path = part(self.target);
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        let mut file = opened.map_err(|error| wta::Error::io("open", &path, error))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let problem = "is being downloaded by another process; wait for it";
                return Err(wta::Error::file(&path, problem).into());
            }
            // A file system without locks.
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        let result = self.fill(&mut file, &path, observer);
        if result.is_err() && file.metadata().is_ok_and(|found| found.len() == 0) {
            // Nothing came. A file that cannot be removed is of no harm.
            let _ = fs::remove_file(&path);
        }
        result
    }

    fn fill(&self, file: &mut File, path: &Path, observer: &dyn Observer) -> Result<()> {
        let failed = |action| move |error| wta::Error::io(action, path, error);
        let have = file.metadata().map_err(failed("read"))?.len();
        let response = self.ask(have)?;
        let rest = match response.status() {
            StatusCode::OK => {
                // All of it comes, whatever was asked for.
                file.set_len(0).map_err(failed("write"))?;
                Some((response, 0))
            }
            StatusCode::PARTIAL_CONTENT => Some((response, have)),
            // There is nothing beyond what is there.
            StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => None,
            status => return Err(self.refused(&format!("the server answers {status}"))),
        };
        if let Some((response, from)) = rest {
            self.receive(response, from, file, observer)?;
        }
        file.sync_all().map_err(failed("write"))?;
        self.keep(path)
    }

    /// Asks for what lies behind the first `have` bytes.
    fn ask(&self, have: u64) -> Result<Response<Body>> {
        let agent: Agent = Agent::config_builder()
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .http_status_as_error(false)
            .user_agent(concat!("wta/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let mut request = agent.get(self.url);
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        request.call().map_err(|error| self.refused(&error.to_string()))
    }

    /// Appends what comes, until the end.
    fn receive(
        &self,
        response: Response<Body>,
        from: u64,
        file: &mut File,
        observer: &dyn Observer,
    ) -> Result<()> {
        let length = response.body().content_length();
        let name =
            self.target.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        observer.begin(&name, length.map_or(0, |rest| from + rest));
        observer.advance(from);
        let pieces = pieces(response);
        let (mut got, mut last) = (0u64, Instant::now());
        loop {
            if observer.should_stop() {
                return Err(Error::Paused(
                    "give the same command again to go on with the download".to_owned(),
                ));
            }
            match pieces.recv_timeout(TICK) {
                Ok(Ok(piece)) => {
                    file.write_all(&piece)
                        .map_err(|error| wta::Error::io("write", part(self.target), error))?;
                    got += piece.len() as u64;
                    last = Instant::now();
                    observer.advance(piece.len() as u64);
                }
                Ok(Err(error)) => return Err(self.broken(&error.to_string())),
                Err(RecvTimeoutError::Timeout) if last.elapsed() < PATIENCE => {}
                Err(RecvTimeoutError::Timeout) => return Err(self.broken("nothing came for a minute")),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        observer.end();
        match length {
            Some(length) if got < length => Err(self.broken("it ended too early")),
            _ => Ok(()),
        }
    }

    /// Gives the whole file its name, if it is what it should be.
    fn keep(&self, path: &Path) -> Result<()> {
        let problem = match (self.check)(path) {
            None | Some(State::Good | State::Plausible) => {
                return Ok(
                    fs::rename(path, self.target).map_err(|error| wta::Error::io("rename", path, error))?
                );
            }
            Some(State::Broken(problem)) => problem,
            Some(State::Differs(md5)) => format!("its MD5 is {md5}, which is not the published one"),
            Some(State::Missing | State::Own(_)) => "it is not the published file".to_owned(),
        };
        fs::remove_file(path).map_err(|error| wta::Error::io("remove", path, error))?;
        Err(Error::Usage(format!("{}: what came was thrown away: {problem}", self.url)))
    }

    fn refused(&self, problem: &str) -> Error {
        Error::Usage(format!("{}: cannot be downloaded: {problem}", self.url))
    }

    fn broken(&self, problem: &str) -> Error {
        Error::Usage(format!(
            "{}: the download broke off: {problem}; give the same command again to go on",
            self.url
        ))
    }
}

/// The pieces of a body, read by a thread of its own, so that a server that is silent keeps nobody from
/// stopping.
fn pieces(response: Response<Body>) -> Receiver<std::io::Result<Vec<u8>>> {
    let (to, from) = sync_channel(WAITING);
    std::thread::spawn(move || {
        let mut reader = response.into_body().into_reader();
        loop {
            let mut piece = vec![0; PIECE];
            let read = reader.read(&mut piece);
            let sent = match read {
                Ok(0) => break,
                Ok(count) => {
                    piece.truncate(count);
                    to.send(Ok(piece))
                }
                Err(error) => {
                    let _ = to.send(Err(error));
                    break;
                }
            };
            if sent.is_err() {
                break;
            }
        }
    });
    from
}

/// The path of the unfinished file of a download.
fn part(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A server of one file on this machine. It cuts the first answers off after so many bytes, and remembers
    /// the ranges that were asked for.
    struct Server {
        url: String,
        asked: Arc<Mutex<Vec<Option<u64>>>>,
    }

    impl Server {
        fn new(content: Vec<u8>, cuts: Vec<usize>, knows_ranges: bool) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}/file", listener.local_addr().unwrap());
            let asked = Arc::new(Mutex::new(Vec::new()));
            let ranges = Arc::clone(&asked);
            std::thread::spawn(move || {
                let mut cuts = cuts.into_iter();
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    let mut lines =
                        BufReader::new(stream.try_clone().unwrap()).lines().map(|line| line.unwrap());
                    let first = lines.next().unwrap();
                    let heads: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                    let range = heads.iter().find_map(|head| {
                        head.to_lowercase().strip_prefix("range: bytes=")?.trim_end_matches('-').parse().ok()
                    });
                    ranges.lock().unwrap().push(range);
                    let from = range.filter(|_| knows_ranges).unwrap_or(0) as usize;
                    let status = match () {
                        () if !first.contains("/file") => "404 Not Found",
                        () if from >= content.len() && from > 0 => "416 Range Not Satisfiable",
                        () if from > 0 => "206 Partial Content",
                        () => "200 OK",
                    };
                    let rest = if status.starts_with('2') { &content[from..] } else { &[] };
                    let head = format!(
                        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                        rest.len()
                    );
                    stream.write_all(head.as_bytes()).unwrap();
                    let sent = cuts.next().unwrap_or(usize::MAX).min(rest.len());
                    let _ = stream.write_all(&rest[..sent]);
                }
            });
            Self { url, asked }
        }
    }

    fn content() -> Vec<u8> {
        (0..300_000u32).map(|i| (i.wrapping_mul(i) >> 5) as u8).collect()
    }

    fn download(url: &str, target: &Path) -> std::result::Result<(), String> {
        let check = |path: &Path| {
            let is_good = fs::read(path).unwrap() == content();
            Some(if is_good { State::Good } else { State::Differs("0".repeat(32)) })
        };
        Download { url, target, check: &check }.run(&()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_download_goes_on_where_it_broke_off() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        let server = Server::new(content(), vec![100_000, 50_000], true);
        for _ in 0..2 {
            let sentence = download(&server.url, &target).unwrap_err();
            assert!(sentence.contains("broke off") && sentence.contains("same command"), "{sentence}");
            assert!(!target.exists());
        }
        download(&server.url, &target).unwrap();
        assert_eq!(fs::read(&target).unwrap(), content());
        assert!(!part(&target).exists());
        let asked = server.asked.lock().unwrap().clone();
        assert!(matches!(asked[..], [None, Some(1..=100_000), Some(2..=150_000)]), "{asked:?}");
    }

    #[test]
    fn a_server_without_ranges_begins_anew_and_a_whole_part_is_not_asked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        let server = Server::new(content(), vec![100_000], false);
        download(&server.url, &target).unwrap_err();
        download(&server.url, &target).unwrap();
        assert_eq!(fs::read(&target).unwrap(), content());
        fs::rename(&target, part(&target)).unwrap();
        let server = Server::new(content(), vec![], true);
        download(&server.url, &target).unwrap();
        assert_eq!(fs::read(&target).unwrap(), content());
    }

    #[test]
    fn what_is_not_the_published_file_is_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        let server = Server::new(vec![1; 1000], vec![], true);
        let sentence = download(&server.url, &target).unwrap_err();
        assert!(sentence.contains("thrown away") && sentence.contains("0000"), "{sentence}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        // A part of another file than the server's.
        fs::write(part(&target), vec![9; 5000]).unwrap();
        let server = Server::new(content(), vec![], true);
        assert!(download(&server.url, &target).is_err());
        download(&server.url, &target).unwrap();
    }

    #[test]
    fn no_server_no_file_and_another_process_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        let server = Server::new(content(), vec![], true);
        let sentence = download(&server.url.replace("/file", "/other"), &target).unwrap_err();
        assert!(sentence.contains("the server answers 404"), "{sentence}");
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let sentence = download(&format!("http://{nobody}/file"), &target).unwrap_err();
        assert!(sentence.contains("cannot be downloaded"), "{sentence}");
        assert!(download("no address", &target).unwrap_err().contains("cannot be downloaded"));
        let busy = File::create(part(&target)).unwrap();
        busy.lock().unwrap();
        let sentence = download(&server.url, &target).unwrap_err();
        assert!(sentence.contains("another process"), "{sentence}");
    }

    #[test]
    fn who_stops_keeps_what_has_come() {
        /// Stops when so many bytes have come.
        struct After(u64, AtomicU64);
        impl Observer for After {
            fn advance(&self, bytes: u64) {
                self.1.fetch_add(bytes, Ordering::Relaxed);
            }
            fn should_stop(&self) -> bool {
                self.1.load(Ordering::Relaxed) >= self.0
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        let server = Server::new(content(), vec![], true);
        let check = |_: &Path| Some(State::Good);
        let stopped = |bytes| {
            let download = Download { url: &server.url, target: &target, check: &check };
            let error = download.run(&After(bytes, AtomicU64::new(0))).unwrap_err();
            assert!(error.is_interruption() && !target.exists());
        };
        stopped(0);
        assert!(!part(&target).exists(), "nothing has come");
        stopped(1);
        let came = fs::read(part(&target)).unwrap();
        assert!(!came.is_empty() && content().starts_with(&came));
    }
}
