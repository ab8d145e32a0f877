//! `wta generate`.

use std::path::PathBuf;

use clap::{Arg, Args, Command, Subcommand, ValueHint};
use clap_complete::Shell;
use clap_mangen::Man;
use wta::files::atomic;

use crate::error::{Error, Result};
use crate::print::print;

/// Arguments of `wta generate`.
#[derive(Args)]
#[command(after_help = "Examples:
  wta generate completions bash > ~/.local/share/bash-completion/completions/wta
  wta generate man ~/.local/share/man/man1")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

/// What is generated.
#[derive(Subcommand)]
enum What {
    /// Print completions for a shell: commands, flags, names of recipes, files and folders.
    #[command(after_help = "Examples:
  wta generate completions bash > ~/.local/share/bash-completion/completions/wta
  wta generate completions zsh > ~/.zfunc/_wta
  wta generate completions fish > ~/.config/fish/completions/wta.fish")]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual's pages, one for each command, into a folder.
    #[command(after_help = "Examples:
  wta generate man ~/.local/share/man/man1
  wta generate man pages                    into a folder, to look at with man -l pages/wta-train.1
  man wta-train")]
    Man {
        /// The folder, which is made if it is not there.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// `program` is the whole program, with all commands.
pub(crate) fn run(arguments: &Arguments, mut program: Command) -> Result<()> {
    match &arguments.what {
        What::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut with_folders(program), "wta", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
        What::Man { folder } => {
            program = program.bin_name("wta");
            program.build();
            let mut pages = Vec::new();
            collect(&program, &mut pages)?;
            atomic::create_dir(folder)?;
            for (name, page) in &pages {
                atomic::replace(&folder.join(format!("{name}.1")), |to| to.write_all(page))?;
            }
            print(&format!("{} pages in {}\n", pages.len(), folder.display()))
        }
    }
}

/// The same commands, and shells complete folders where these are asked for.
fn with_folders(command: Command) -> Command {
    let hinted = |argument: Arg| {
        let names = argument.get_value_names().unwrap_or_default();
        let is_folder = names.iter().any(|name| ["DIR", "RUN"].contains(&name.as_str()));
        if is_folder { argument.value_hint(ValueHint::DirPath) } else { argument }
    };
    command.mut_args(hinted).mut_subcommands(with_folders)
}

/// Adds the name and the page of a command, and of those below it.
fn collect(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let mut page = Vec::new();
    let made = Man::new(command.clone()).render(&mut page);
    made.map_err(|error| Error::Usage(format!("the page of {name} cannot be made: {error}")))?;
    pages.push((name.to_owned(), page));
    // The help has no page of its own.
    command
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
        .try_for_each(|below| collect(below, pages))
}
