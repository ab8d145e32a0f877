//! The live view in a terminal: keys, drawing, and pictures by the terminal itself.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use icy_sixel::{EncodeOptions, sixel_encode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::MoveTo;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::{queue, terminal};
use ratatui::layout::{Rect, Size};
use wta::picture::Atoms;

use super::colours::Colours;
use super::dictionary::Raster;
use super::query;
use super::reader::{Reader, Seen};
use super::view::{View, Wish};
use crate::error::{Error, Result};
use crate::screen::Screen;
use crate::signals::Stop;

/// How long a key may wait for an answer.
const BEAT: Duration = Duration::from_millis(100);

/// The view is drawn so often even if nothing has changed, for what time alone changes.
const REDRAW: Duration = Duration::from_secs(1);

/// The pixels of a cell, where a terminal does not say: those of the first one with sixels, the VT340.
const CELL: Size = Size { width: 10, height: 20 };

/// How the atoms are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pictures {
    /// By characters.
    Characters,
    /// As pixels; signals and vectors by characters.
    Sixels,
    /// Not at all.
    None,
}

/// Shows a run until the user has seen enough. `seen` is what was read first.
///
/// # Errors
///
/// [`Error::Paused`] after Ctrl-C or a signal; one sentence if the terminal cannot be used.
pub(crate) fn live(
    reader: Reader,
    seen: Seen,
    pictures: Option<Pictures>,
    every: Duration,
    stop: &Stop,
) -> Result<()> {
    let failed = |error: io::Error| Error::Usage(format!("cannot use the terminal: {error}"));
    let colours = Colours::of_environment(|name| std::env::var(name).ok());
    let reading = reader.start(every)?;
    let _screen = Screen::take().map_err(failed)?;
    let answers = match pictures {
        Some(Pictures::Characters | Pictures::None) => query::Answers::default(),
        Some(Pictures::Sixels) => query::Answers { sixels: true, ..query::ask() },
        None => query::ask(),
    };
    let mut view = View::new(colours, pictures != Some(Pictures::None));
    view.leaves_pictures = answers.sixels;
    let mut display = Display {
        terminal: Terminal::new(CrosstermBackend::new(io::stdout())).map_err(failed)?,
        cell: answers.cell,
        picture: None,
    };
    let (mut seen, mut drawn) = (seen, None::<Instant>);
    loop {
        if stop.is_set() {
            return Err(ended());
        }
        let mut is_new = drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW);
        if let Some(newest) = reading.newest() {
            (seen, is_new) = (newest, true);
        }
        if reading.has_ended() {
            reading.end();
            return Ok(());
        }
        if is_new {
            display.draw(&mut view, &seen).map_err(failed)?;
            drawn = Some(Instant::now());
        }
        if !event::poll(BEAT).map_err(failed)? {
            continue;
        }
        match event::read().map_err(failed)? {
            Event::Key(key) if key.kind != KeyEventKind::Release => match meaning(key) {
                Meaning::Quit => return Ok(()),
                Meaning::Interrupt => return Err(ended()),
                Meaning::Wish(wish) => {
                    let layer = view.layer();
                    view.grant(wish, &seen);
                    if layer != view.layer() {
                        reading.want(view.layer());
                    }
                }
                Meaning::Nothing => continue,
            },
            Event::Resize(..) => display.forget().map_err(failed)?,
            _ => continue,
        }
        drawn = None;
    }
}

fn ended() -> Error {
    Error::Paused("nothing is watched any more; a training goes on by itself".to_owned())
}

enum Meaning {
    Quit,
    Interrupt,
    Wish(Wish),
    Nothing,
}

/// What a key is for.
fn meaning(key: KeyEvent) -> Meaning {
    let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
    Meaning::Wish(match key.code {
        KeyCode::Char('c') if with_control => return Meaning::Interrupt,
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => return Meaning::Quit,
        KeyCode::Right | KeyCode::Tab => Wish::Next,
        KeyCode::Left | KeyCode::BackTab => Wish::Previous,
        KeyCode::Up => Wish::Up,
        KeyCode::Down => Wish::Down,
        KeyCode::PageDown => Wish::Forward,
        KeyCode::PageUp => Wish::Back,
        _ => return Meaning::Nothing,
    })
}

/// The terminal, and the picture that it draws itself.
struct Display {
    terminal: Terminal<CrosstermBackend<io::Stdout>>,
    /// The pixels of a cell, if the terminal has said so.
    cell: Option<Size>,
    /// The picture that is shown.
    picture: Option<Picture>,
}

/// What a picture shows, and where.
struct Picture {
    area: Rect,
    atoms: Arc<Atoms>,
    first_atom: usize,
}

impl PartialEq for Picture {
    fn eq(&self, other: &Self) -> bool {
        let is_same = Arc::ptr_eq(&self.atoms, &other.atoms);
        is_same && (self.area, self.first_atom) == (other.area, other.first_atom)
    }
}

impl Display {
    fn draw(&mut self, view: &mut View, seen: &Seen) -> io::Result<()> {
        let mut area = None;
        self.terminal.draw(|frame| area = view.draw(seen, frame))?;
        let picture = area.filter(|area| !area.is_empty()).and_then(|area| {
            let atoms = Arc::clone(view.atoms(seen)?);
            Some(Picture { area, atoms, first_atom: view.first_atom })
        });
        if picture == self.picture {
            return Ok(());
        }
        if self.picture.is_some() {
            // What lies below a picture has not changed, and would not be drawn over it.
            self.clear()?;
        }
        let cell = self.cell();
        let sixels = picture.as_ref().and_then(|Picture { area, atoms, .. }| {
            let pixels = |cells: u16, cell: u16| usize::from(cells) * usize::from(cell);
            let (width, height) = (pixels(area.width, cell.width), pixels(area.height, cell.height));
            sixels(&view.picture(atoms, width, height))
        });
        // Again, as the title says how many atoms the picture has.
        self.terminal.draw(|frame| {
            view.draw(seen, frame);
        })?;
        if let (Some(Picture { area, .. }), Some(sixels)) = (&picture, sixels) {
            let out = self.terminal.backend_mut();
            queue!(out, MoveTo(area.x, area.y))?;
            out.write_all(sixels.as_bytes())?;
            Write::flush(out)?;
        }
        self.picture = picture;
        Ok(())
    }

    /// The pixels of a cell.
    fn cell(&self) -> Size {
        let of_window = || {
            let size = terminal::window_size().ok()?;
            let width = size.width.checked_div(size.columns).filter(|width| *width > 0)?;
            let height = size.height.checked_div(size.rows).filter(|height| *height > 0)?;
            Some(Size { width, height })
        };
        self.cell.or_else(of_window).unwrap_or(CELL)
    }

    /// The terminal has another size: nothing that was drawn is at its place.
    fn forget(&mut self) -> io::Result<()> {
        self.picture = None;
        self.clear()
    }

    /// Clears the terminal, so that all is drawn again. Not by [`Terminal::clear`], which asks the terminal
    /// where its cursor is, and waits for an answer.
    fn clear(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::new(0, 0, size.width, size.height))
    }
}

/// A picture as sixels; `None` of an empty one.
fn sixels(raster: &Raster) -> Option<String> {
    let rgba = raster.pixels.iter().flat_map(|pixel| match pixel {
        Some([red, green, blue]) => [*red, *green, *blue, 255],
        None => [0; 4],
    });
    let rgba: Vec<u8> = rgba.collect();
    if rgba.is_empty() {
        return None;
    }
    // Without the colour dithering that is for photographs: atoms have large even parts.
    let options = EncodeOptions { diffusion: 0.0, ..EncodeOptions::default() };
    sixel_encode(&rgba, raster.width, raster.height, &options).ok()
}
