//! What is shown of a run, and where. It knows no terminal: it is drawn into a buffer.

use std::sync::Arc;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;
use wta::picture::Atoms;

use super::colours::Colours;
use super::curves::Figure;
use super::dictionary::{self, Raster};
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
    pub(super) fn atoms<'a>(&self, seen: &'a Seen) -> Option<&'a Arc<Atoms>> {
        let (index, _) = self.shown(seen)?;
        seen.atoms.as_ref().filter(|(layer, _)| *layer == index).map(|(_, atoms)| atoms)
    }

    /// Draws it. Returns the area that is left to the terminal for a picture of the atoms.
    pub(super) fn draw(&mut self, seen: &Seen, frame: &mut Frame<'_>) -> Option<Rect> {
        let area = frame.area();
        let (_, layer) = self.shown(seen)?;
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
                let [left, right] =
                    Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(body);
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
        let title = format!("dictionary {of} {}-{last} of {count}", self.first_atom + 1);
        self.framed(title.replace("  ", " ").trim(), frame, area);
        is_left.then_some(inner)
    }

    /// The picture of the atoms for an area of so many pixels, if the terminal draws it.
    pub(super) fn picture(&mut self, atoms: &Atoms, width: usize, height: usize) -> Raster {
        let raster = Raster::new(atoms, self.first_atom, width, height, true);
        self.shown_atoms = raster.shown;
        raster
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
        }
        let rate = measures.pop();
        let speed: Vec<String> = words::speed(state, layer).into_iter().chain(rate).collect();
        let more = [measures.join(" | "), speed.join(", ")];
        lines.extend(more.into_iter().filter(|line| !line.is_empty()).map(Line::from));
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Buffer;
    use wta::preprocess::Samples;
    use wta::run::Run;
    use wta::train::{Options, train_into};
    use wta::{Dataset, Shape, recipe};

    use super::*;
    use crate::watch::reader::Reader;

    const CONV: &str = r#"
name = "upper"
about = "for the tests"
data = { set = "array", train = "x.npy", test = "x.npy" }
network = { kind = "convolutional", encoder = [{ maps = 3, kernel = 3 }], decoder_kernel = 3, initial = "he" }
sparsity = {}
training = { epochs = 4, batch = 10, optimizer = "adam", rate = 1e-3, held_out = 0.25 }
"#;

    const BELOW: &str = r#"
[below]
name = "lower"
about = "for the tests"
data = { set = "array", train = "x.npy", test = "x.npy" }
network = { kind = "convolutional", encoder = [{ maps = 4, kernel = 5 }], decoder_kernel = 5, initial = "he" }
sparsity = {}
training = { epochs = 2, batch = 10, optimizer = "adam", rate = 1e-3 }
features = { pool = { kernel = 2, stride = 2 } }
"#;

    const RBM: &str = r#"
name = "rbm"
about = "for the tests"
data = { set = "array", train = "x.npy", test = "x.npy" }
network = { kind = "rbm", hidden = 20, gibbs_steps = 1, initial = { normal = 0.01 } }
sparsity = { lifetime = 0.3 }
training = { epochs = 4, batch = 10, optimizer = { sgd = { momentum = 0.5 } }, rate = 0.1 }
"#;

    /// Trains on samples of this shape, to the end.
    fn trained(folder: &Path, text: &str, shape: Shape) -> Run {
        let recipe = recipe::read(text.as_bytes(), Path::new("r.toml")).unwrap();
        let values: Vec<f32> =
            (0..40 * shape.len()).map(|index| 0.5 + 0.5 * (0.37 * index as f32).sin()).collect();
        let data = Dataset::from_floats(shape, values).unwrap();
        let samples = Samples::new(&recipe, &data).unwrap();
        let run = Run::new(folder.join("run"));
        train_into(&run, false, &recipe, &samples, Options::default(), &()).unwrap();
        run
    }

    /// As if a training were in its second epoch.
    fn broken_off(run: &Run, progress: &str) {
        let metrics = fs::read_to_string(run.file("metrics.csv")).unwrap();
        let rows: Vec<&str> = metrics.lines().take(3).collect();
        fs::write(run.file("metrics.csv"), rows.join("\n") + "\n").unwrap();
        fs::write(run.file("progress.json"), progress).unwrap();
    }

    const RUNNING: &str = r#"{"activity": "running", "phase": "train upper", "done": 7, "total": 12,
        "steps_per_second": 3.5, "problem": null, "written": 1}"#;

    /// What is read, with the atoms.
    fn seen(run: &Run, layer: Option<usize>) -> Seen {
        let mut reader = Reader::new(run.folder());
        reader.wish(layer);
        let seen = reader.read_again().unwrap();
        assert_eq!(seen.problem, None);
        seen
    }

    fn drawn(view: &mut View, seen: &Seen, width: u16, height: u16) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let drawing = |frame: &mut Frame<'_>| {
            view.draw(seen, frame);
        };
        terminal.draw(drawing).unwrap();
        terminal.backend().buffer().clone()
    }

    fn text(buffer: &Buffer) -> String {
        let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..buffer.area.height).map(|y| row(y).trim_end().to_owned() + "\n").collect()
    }

    fn has_colours(buffer: &Buffer) -> bool {
        buffer.content.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    }

    const SIZES: [(u16, u16); 8] =
        [(1, 1), (3, 2), (20, 5), (20, 9), (40, 12), (80, 24), (200, 60), (300, 8)];

    #[test]
    fn a_training_that_goes_on_says_how_far_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let run = trained(folder.path(), CONV, Shape::new(1, 12, 12));
        broken_off(&run, RUNNING);
        let seen = seen(&run, None);
        assert_eq!(seen.life, Life::Training);
        let mut view = View::new(Colours::Full, true);
        let buffer = drawn(&mut view, &seen, 100, 30);
        let shown = text(&buffer);
        for part in [
            "upper: training",
            "epoch 2 of 4, 0.0 s left",
            "held out",
            "dead atoms",
            "train upper, 7 of 12 (58%)",
            "loss 1/7",
            "training",
            "dictionary 1-3 of 3",
            "q quit",
        ] {
            assert!(shown.contains(part), "{part:?} is not in\n{shown}");
        }
        assert!(
            has_colours(&buffer) && shown.contains('▀') && shown.contains(['⠁', '⠉', '⣀', '⠒', '⠤']),
            "{shown}"
        );
        let tiny = text(&drawn(&mut view, &seen, 20, 5));
        assert!(tiny.starts_with("upper: training\nepoch 2 of 4, "), "{tiny}");
        for figure in [
            "unexplained, % 2/7",
            "active 3/7",
            "dead atoms, % 4/7",
            "rate 5/7",
            "seconds of an epoch 6/7",
            "dictionary 7/7",
            "loss 1/7",
        ] {
            view.grant(Wish::Next, &seen);
            for (width, height) in SIZES {
                drawn(&mut view, &seen, width, height);
            }
            let shown = text(&drawn(&mut view, &seen, 79, 24));
            assert!(shown.contains(figure), "{figure:?} is not in\n{shown}");
        }
        view.grant(Wish::Previous, &seen);
        assert!(text(&drawn(&mut view, &seen, 79, 24)).contains("dictionary 7/7"));
    }

    #[test]
    fn without_colours_all_is_said_by_characters() {
        let folder = tempfile::tempdir().unwrap();
        let run = trained(folder.path(), CONV, Shape::new(3, 12, 12));
        let seen = seen(&run, None);
        let mut view = View::new(Colours::None, true);
        for (width, height) in SIZES {
            assert!(!has_colours(&drawn(&mut view, &seen, width, height)));
        }
        let shown = text(&drawn(&mut view, &seen, 100, 30));
        assert!(shown.contains('▒') && shown.contains('•') && shown.contains("finished"), "{shown}");
        let mut view = View::new(Colours::None, false);
        let shown = text(&drawn(&mut view, &seen, 100, 30));
        assert!(!shown.contains("dictionary") && shown.contains("loss 1/6"), "{shown}");
    }

    #[test]
    fn a_training_that_is_no_more_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let run = trained(folder.path(), CONV, Shape::new(1, 12, 12));
        for (activity, expected) in [
            ("interrupted", "upper: interrupted; `wta train --resume` goes on with it"),
            ("failed", "upper: failed: it diverged"),
        ] {
            broken_off(&run, &RUNNING.replace("running", activity).replace("null", r#""it diverged""#));
            let shown = text(&drawn(&mut View::new(Colours::Palette, true), &seen(&run, None), 100, 30));
            assert!(shown.contains(expected) && !shown.contains("left,"), "{shown}");
            assert!(!shown.contains(" s left"), "{shown}");
        }
        // Killed.
        broken_off(&run, RUNNING);
        let state = seen(&run, None).state;
        assert_eq!(state.life(Duration::from_secs(59)), Life::Training);
        assert_eq!(state.life(Duration::from_secs(300)), Life::Silent(Duration::from_secs(300)));
        // Another process is writing it, or nobody can read it: the rest is shown.
        fs::write(run.file("progress.json"), "{").unwrap();
        assert_eq!(seen(&run, None).life, Life::Training);
        fs::remove_file(run.file("metrics.csv")).unwrap();
        fs::remove_file(run.file("progress.json")).unwrap();
        assert_eq!(seen(&run, None).life, Life::Unrecorded);
        fs::write(run.file("metrics.csv"), "epoch,loss\n1,").unwrap();
        let error = Reader::new(run.folder()).read().map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("is no table of metrics") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn of_a_stack_the_layer_in_training_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let run = trained(folder.path(), &format!("{CONV}{BELOW}"), Shape::new(1, 12, 12));
        let whole = seen(&run, None);
        assert_eq!((whole.life.clone(), whole.state.current()), (Life::Finished, 1));
        let mut view = View::new(Colours::Full, true);
        let shown = text(&drawn(&mut view, &whole, 100, 30));
        assert!(
            shown.contains("upper (layer 2 of 2): finished") && shown.contains("up/down layer"),
            "{shown}"
        );
        assert!(shown.contains("1-3 of 3"), "{shown}");
        view.grant(Wish::Down, &whole);
        view.grant(Wish::Down, &whole);
        assert_eq!(view.layer(), Some(0));
        let lower = seen(&run, Some(0));
        let shown = text(&drawn(&mut view, &lower, 100, 30));
        assert!(shown.contains("lower (layer 1 of 2)") && shown.contains("1-4 of 4"), "{shown}");
        // The upper layer has not begun.
        for file in ["model.safetensors", "metrics.csv", "checkpoint.safetensors"] {
            fs::remove_file(run.file(file)).unwrap();
        }
        let metrics = run.below().file("metrics.csv");
        let one: Vec<String> =
            fs::read_to_string(&metrics).unwrap().lines().take(2).map(str::to_owned).collect();
        fs::write(&metrics, one.join("\n")).unwrap();
        let half = seen(&run, None);
        let shown = text(&drawn(&mut View::new(Colours::Full, true), &half, 100, 30));
        assert!(
            shown.contains("lower (layer 1 of 2): training") && shown.contains("for this layer left"),
            "{shown}"
        );
    }

    #[test]
    fn signals_and_rbms_have_their_pictures() {
        let folder = tempfile::tempdir().unwrap();
        let signal = CONV.replace("kernel = 3", "kernel = [1, 9]");
        let run = trained(folder.path(), &signal, Shape::new(2, 1, 64));
        let mut view = View::new(Colours::Full, true);
        view.grant(Wish::Previous, &seen(&run, None));
        for (width, height) in SIZES {
            drawn(&mut view, &seen(&run, None), width, height);
        }
        let buffer = drawn(&mut view, &seen(&run, None), 60, 20);
        let braille = |symbol: &str| symbol.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c));
        let curves = buffer.content.iter().filter(|cell| braille(cell.symbol()));
        let colours: std::collections::BTreeSet<String> =
            curves.map(|cell| format!("{:?}", cell.fg)).collect();
        assert!(colours.len() >= 2, "a colour for each channel: {colours:?}\n{}", text(&buffer));

        let folder = tempfile::tempdir().unwrap();
        let run = trained(folder.path(), RBM, Shape::new(1, 6, 6));
        let mut view = View::new(Colours::Palette, true);
        view.grant(Wish::Previous, &seen(&run, None));
        let seen = seen(&run, None);
        let shown = text(&drawn(&mut view, &seen, 30, 12));
        assert!(shown.contains("rbm: finished") && shown.contains("of 20"), "{shown}");
        // More atoms than there is room for.
        assert!(shown.contains(" 1-") && !shown.contains("-20 of"), "{shown}");
        view.grant(Wish::Forward, &seen);
        let later = text(&drawn(&mut view, &seen, 30, 12));
        assert_ne!(shown, later);
        view.grant(Wish::Back, &seen);
        assert_eq!(shown, text(&drawn(&mut view, &seen, 30, 12)));
        // As pixels, they are enlarged, and the area is left empty.
        view.leaves_pictures = true;
        let picture = view.picture(&Arc::clone(view.atoms(&seen).unwrap()), 400, 300);
        assert!(picture.shown == 20 && picture.width <= 401 && picture.height <= 301 && picture.height > 100);
        assert!(!text(&drawn(&mut view, &seen, 30, 12)).contains('▀'));
    }
}
