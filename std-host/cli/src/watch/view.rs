//! What is shown of a run, and where. It knows no terminal: it is drawn into a buffer.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;
use wta::picture::Atoms;

use super::colours::Colours;
use super::curves::Figure;
use super::dictionary;
use super::reader::Seen;
use super::state::{Layer, Life};
use super::words;
use crate::print::one_line;

/// From this size on, the dictionary is beside the curves.
const WIDE: (u16, u16) = (80, 12);

/// Below this height, the words alone are shown.
const LOW: u16 = 8;

/// What a user may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// The next figure, or the one before.
    Next,
    Previous,
    /// The layer above, or below.
    Up,
    Down,
    /// More atoms, or those before.
    Forward,
    Back,
}

/// What is shown.
pub(super) struct View {
    pub(super) colours: Colours,
    /// Whether atoms are drawn.
    pub(super) pictures: bool,
    /// Whether images of atoms are left to the terminal, in the area that [`View::draw`] returns.
    pub(super) leaves_pictures: bool,
    /// The index of the figure; the one behind the last is the dictionary.
    selected: usize,
    /// The layer that was asked for.
    layer: Option<usize>,
    /// The first atom that is shown, and how many were, when it was drawn last.
    pub(super) first_atom: usize,
    shown_atoms: usize,
}

/// What can be selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Figure(Figure),
    Dictionary,
}

impl View {
    pub(super) fn new(colours: Colours, pictures: bool) -> Self {
        Self {
            colours,
            pictures,
            leaves_pictures: false,
            selected: 0,
            layer: None,
            first_atom: 0,
            shown_atoms: 0,
        }
    }

    /// The layer that was asked for.
    pub(super) fn layer(&self) -> Option<usize> {
        self.layer
    }

    /// Does what is asked for.
    pub(super) fn grant(&mut self, wish: Wish, seen: &Seen) {
        let (items, layers) = (self.items(seen).len().max(1), seen.state.layers.len());
        let shown = self.layer.unwrap_or_else(|| seen.state.current());
        match wish {
            Wish::Next => self.selected = (self.selected + 1) % items,
            Wish::Previous => self.selected = (self.selected + items - 1) % items,
            Wish::Up => self.layer = Some((shown + 1).min(layers.saturating_sub(1))),
            Wish::Down => self.layer = Some(shown.saturating_sub(1)),
            Wish::Forward => {
                let count = seen.atoms.as_ref().map_or(0, |(_, atoms)| atoms.iter().len());
                if self.first_atom + self.shown_atoms < count {
                    self.first_atom += self.shown_atoms;
                }
            }
            Wish::Back => self.first_atom = self.first_atom.saturating_sub(self.shown_atoms),
        }
        if matches!(wish, Wish::Up | Wish::Down) {
            self.first_atom = 0;
        }
    }

    /// The layer that is shown.
    fn shown<'a>(&self, seen: &'a Seen) -> Option<(usize, &'a Layer)> {
        let index = self.layer.unwrap_or_else(|| seen.state.current());
        seen.state.layers.get(index).map(|layer| (index, layer))
    }

    /// What there is to be shown.
    fn items(&self, seen: &Seen) -> Vec<Item> {
        let epochs = self.shown(seen).map_or(&[][..], |(_, layer)| &layer.epochs[..]);
        let recorded = Figure::ALL.into_iter().filter(|figure| figure.is_recorded(epochs));
        let mut items: Vec<Item> = recorded.map(Item::Figure).collect();
        if items.is_empty() {
            items.push(Item::Figure(Figure::Loss));
        }
        if self.pictures {
            items.push(Item::Dictionary);
        }
        items
    }

    /// The atoms of the layer that is shown.
    fn atoms<'a>(&self, seen: &'a Seen) -> Option<&'a Atoms> {
        let (index, _) = self.shown(seen)?;
        seen.atoms.as_ref().filter(|(layer, _)| *layer == index).map(|(_, atoms)| &**atoms)
    }

    /// Draws it. Returns the area that is left to the terminal for a picture of the atoms.
    pub(super) fn draw(&mut self, seen: &Seen, frame: &mut Frame<'_>) -> Option<Rect> {
        let area = frame.area();
        let Some((_, layer)) = self.shown(seen) else { return None };
        let head = self.head(seen, layer);
        let is_low = area.height < LOW;
        let lines = if is_low { area.height } else { (head.len() as u16).min(area.height - 4) };
        let help = u16::from(!is_low);
        let parts = [Constraint::Length(lines), Constraint::Fill(1), Constraint::Length(help)];
        let [top, body, bottom] = Layout::vertical(parts).areas(area);
        for (line, place) in head.into_iter().zip(top.rows()) {
            frame.render_widget(line, place);
        }
        let faint = self.style(Color::DarkGray);
        frame.render_widget(Line::styled(self.help(seen), faint), bottom);
        if is_low {
            return None;
        }
        let items = self.items(seen);
        self.selected = self.selected.min(items.len() - 1);
        let item = items.get(self.selected).copied().unwrap_or(Item::Dictionary);
        let of = format!("{}/{}", self.selected + 1, items.len());
        match item {
            Item::Figure(figure) => {
                let is_wide = body.width >= WIDE.0 && body.height >= WIDE.1;
                let beside = self.pictures && is_wide && self.atoms(seen).is_some();
                let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(body);
                let left = if beside { left } else { body };
                let inner = self.framed(&format!("{} {of}", figure.name()), frame, left);
                figure.draw(&layer.epochs, self.colours, frame, inner);
                if beside { self.draw_atoms(seen, "", frame, right) } else { None }
            }
            Item::Dictionary => self.draw_atoms(seen, &of, frame, body),
        }
    }

    /// A frame with a title; returns what is inside.
    fn framed(&self, title: &str, frame: &mut Frame<'_>, area: Rect) -> Rect {
        let block = Block::bordered().border_style(self.style(Color::DarkGray)).title(title.to_owned());
        let inner = block.inner(area);
        frame.render_widget(block, area);
        inner
    }

    fn draw_atoms(&mut self, seen: &Seen, of: &str, frame: &mut Frame<'_>, area: Rect) -> Option<Rect> {
        let Some(atoms) = self.atoms(seen) else {
            let inner = self.framed(&format!("dictionary {of}"), frame, area);
            frame.render_widget(Line::from("no epoch is finished yet"), inner);
            return None;
        };
        let count = atoms.iter().len();
        if self.first_atom >= count {
            self.first_atom = 0;
        }
        let inner = Block::bordered().inner(area);
        let is_left = self.leaves_pictures && !dictionary::are_curves(atoms);
        if !is_left {
            self.shown_atoms = dictionary::draw(atoms, self.first_atom, self.colours, frame, inner);
        }
        let last = (self.first_atom + self.shown_atoms).min(count);
        let title = format!("dictionary {of} atoms {} to {last} of {count}", self.first_atom + 1);
        self.framed(title.replace("  ", " ").trim(), frame, area);
        is_left.then_some(inner)
    }

    /// The picture of the atoms for an area of so many pixels, if the terminal draws it.
    pub(super) fn picture(&mut self, seen: &Seen, width: usize, height: usize) -> Option<dictionary::Raster> {
        let raster = dictionary::Raster::new(self.atoms(seen)?, self.first_atom, width, height, true);
        self.shown_atoms = raster.shown;
        Some(raster)
    }

    /// The lines above the curves, the most important first.
    fn head(&self, seen: &Seen, layer: &Layer) -> Vec<Line<'static>> {
        let state = &seen.state;
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let colour = match seen.life {
            Life::Training | Life::Finished => Color::Green,
            Life::Interrupted | Life::Silent(_) | Life::Unrecorded => Color::Yellow,
            Life::Failed(_) => Color::Red,
        };
        let life = words::life_in_words(&seen.life);
        let mut first = vec![Span::styled(words::layer_name(state, layer), bold), Span::raw(": ")];
        first.push(Span::styled(life, self.style(colour)));
        let mut lines = vec![Line::from(first)];
        let left = words::left(state, &seen.life).map(|left| format!(", {left} left")).unwrap_or_default();
        lines.push(Line::from(format!("epoch {}{left}", words::epoch(layer))));
        let measures = words::measures(layer).into_iter();
        let mut measures: Vec<String> = measures.map(|(name, text)| format!("{name} {text}")).collect();
        if !measures.is_empty() {
            // The loss first, for itself, where a line is short.
            lines.push(Line::from(measures.remove(0)));
            lines.push(Line::from(measures.join(" | ")));
        }
        lines.extend(words::speed(state, layer).map(Line::from));
        lines.extend(words::progress(state, &seen.life).map(Line::from));
        let problem = seen.problem.as_deref().map(|problem| format!("not read: {}", one_line(problem)));
        lines.extend(problem.map(|problem| Line::styled(problem, self.style(Color::Yellow))));
        lines
    }

    fn help(&self, seen: &Seen) -> String {
        let layers = if seen.state.layers.len() > 1 { "  up/down layer" } else { "" };
        let atoms = if self.pictures { "  PgUp/PgDn atoms" } else { "" };
        format!("q quit  left/right or tab figure{layers}{atoms}")
    }

    /// A colour of words, where there are colours.
    fn style(&self, colour: Color) -> Style {
        if self.colours == Colours::None { Style::new() } else { Style::new().fg(colour) }
    }
}
