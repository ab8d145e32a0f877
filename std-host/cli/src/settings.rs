//! The flags that every command of every program has.

use clap::Args;
use wta::Isa;
use wta::memory::limit::left;

use crate::error::{Error, Result};
use crate::memory;
use crate::print::tell;
use crate::volume::{self, Volume};

// Not a documentation comment, which would be the program's `about`.
#[derive(Args)]
pub(crate) struct Settings {
    /// Threads [default: one per processor].
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Instruction set: scalar, avx2, avx512, neon [default: the fastest there is].
    #[arg(long, global = true, value_name = "NAME")]
    isa: Option<String>,
    /// The most memory to take, in MiB: what needs more is refused [default: what the machine, its control
    /// group and `ulimit` leave].
    #[arg(long, global = true, value_name = "MIB", value_parser = clap::value_parser!(u32).range(64..))]
    max_memory: Option<u32>,
    /// Say nothing but results and errors: no progress, no notes.
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more: the instruction set, threads and memory, what is read, how long each phase takes.
    #[arg(long, short, global = true)]
    verbose: bool,
}

impl Settings {
    /// Starts what they are about: threads (`threads` unless the user gives another number; 0 is one per
    /// processor) and the watch over memory. Returns the instruction set.
    pub(crate) fn start(&self, threads: usize) -> Result<Isa> {
        match (self.quiet, self.verbose) {
            (true, true) => {
                return Err(Error::Usage("--quiet and --verbose contradict each other".to_owned()));
            }
            (true, false) => Volume::Quiet.set(),
            (false, true) => Volume::Verbose.set(),
            (false, false) => {}
        }
        let isa = match &self.isa {
            None => Isa::detect(),
            Some(name) => name.parse().map_err(|error| Error::Usage(format!("--isa {name}: {error}")))?,
        };
        memory::watch(self.max_memory.map(|mebibytes| u64::from(mebibytes) << 20))
            .map_err(|error| Error::Usage(format!("cannot watch over memory: {error}")))?;
        let threads = self.threads.map_or(threads, usize::from);
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .map_err(|error| Error::Usage(format!("cannot start the threads: {error}")))?;
        if volume::is_verbose() {
            let (version, threads) = (env!("CARGO_PKG_VERSION"), rayon::current_num_threads());
            let memory = left() >> 20;
            tell(&format!(
                "version {version}: {isa} instructions, {threads} threads, {memory} MiB of memory left"
            ));
        }
        Ok(isa)
    }
}
