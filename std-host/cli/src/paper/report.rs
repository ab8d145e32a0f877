//! `paper-mnist.md` and its like: our results beside the paper's.

use std::fmt::Write as _;

use super::few_labels::{self, Entry};
use super::rehearsal;
use super::row::{Outcome, Task, main_rows, seed_rows};
use super::rows::{DRAWS, PaperSet, Rehearsal, Source};
use super::runs::{PaperRuns, REHEARSED_MAPS};
use crate::error::Result;
use wta::Recipe;
use wta::data::inventory;
use wta::evaluate;
use wta::files::atomic;

/// The file's name.
pub(crate) fn file(set: &PaperSet) -> String {
    format!("paper-{}.md", set.name)
}

/// The data set and the checksums of its files, in Markdown.
pub(super) fn data(runs: &PaperRuns<'_>) -> Result<String> {
    let title = runs.settings.set.title;
    let Some(folder) = runs.settings.data else {
        let colour = match runs.settings.set.rehearsal {
            Rehearsal::Mnist => "",
            Rehearsal::Cifar10 => " in colour, whitened by patches",
        };
        return Ok(format!(
            "A rehearsal: one epoch, at most {REHEARSED_MAPS} maps a layer and two values of C each, on a few of the bundled \
             digits{colour}, {} to train and {} to test, which are {title}'s files in `{}/`; the paper's figures are for all of \
             {title}.\n",
            rehearsal::TRAIN,
            rehearsal::TEST,
            rehearsal::FOLDER
        ));
    };
    let entries = inventory::inventory(folder)?;
    let mut text = format!("{title}, MD5 of the files' content:\n\n");
    for entry in entries.iter().filter(|entry| entry.set == title) {
        let name = entry.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let verdict = match entry.state {
            inventory::State::Good => "as published",
            inventory::State::Plausible => "none is published; size and form are as published",
            _ => "NOT as published",
        };
        let _ = writeln!(text, "- `{name}`: {} ({verdict})", entry.md5().unwrap_or("unknown"));
    }
    Ok(text)
}

/// The page's name.
pub(crate) fn page(set: &PaperSet) -> String {
    format!("paper-{}.html", set.name)
}

/// Writes a report of all results so far, and the same as a page with the pictures in it.
pub(super) fn write(runs: &PaperRuns<'_>, data: &str) -> Result<()> {
    let (set, text) = (runs.settings.set, text(runs, data)?);
    let title = format!("The paper's {} tables and figures", set.title);
    let html = wta::report::markdown(&title, &text, runs.settings.folder)?;
    atomic::replace(&runs.file(&file(set)), |to| to.write_all(text.as_bytes()))?;
    Ok(atomic::replace(&runs.file(&page(set)), |to| to.write_all(html.as_bytes()))?)
}

fn text(runs: &PaperRuns<'_>, data: &str) -> Result<String> {
    let settings = &runs.settings;
    let PaperSet { name, title, note, .. } = settings.set;
    let more = settings.seeds.map_or_else(String::new, |count| format!(" --seeds {count}"));
    let mut text = format!(
        "# The paper's {title} tables and figures\n\n\
         Makhzani and Frey, \"Winner-Take-All Autoencoders\", NIPS 2015. Made by `wta paper {name} --seed {}{more}`, {}, {} \
         threads. Each network was trained and evaluated as by `wta train RECIPE --seed SEED` and `wta eval --seed \
         SEED`. C was chosen on held-out training images; the test labels were used for nothing but the errors here.\n\n\
         {data}\n## All labels\n\n{note}",
        settings.seed,
        settings.isa,
        rayon::current_num_threads(),
    );
    rows(runs, &mut text)?;
    seeds(runs, &mut text)?;
    few_labels(runs, &mut text)?;
    figures(runs, &mut text)?;
    Ok(text)
}

fn rows(runs: &PaperRuns<'_>, text: &mut String) -> Result<()> {
    text.push_str(
        "| recipe | network | paper | ours | | held-out | C | train | eval | peak memory | dead | seed | weights | made \
         with |\n| --- | --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |\n",
    );
    for (row, task) in runs.settings.set.rows.iter().zip(main_rows(&runs.settings)) {
        let outcome = task.outcome(runs)?;
        let classifier = unlike_papers(&runs.recipe(row.recipe, task.seed)?);
        let start = format!("| {} | {}{classifier} | {:.2}% |", row.recipe, row.network, row.paper);
        match outcome {
            None => {
                let _ = writeln!(text, "{start} not yet | | | | | | | | | | |");
            }
            Some(outcome) => {
                let _ = writeln!(
                    text,
                    "{start} {} | {} | {} |",
                    percent(outcome.test_error),
                    verdict(outcome.test_error, row.paper),
                    details(&outcome)
                );
            }
        }
    }
    text.push_str(
        "\nTimes are wall-clock; a stack's training includes the layers below. The peak memory is the process's during the \
         row, data included.\n",
    );
    Ok(())
}

/// What a recipe's classifier has that the paper's have not, in brackets; nothing if it has nothing.
fn unlike_papers(recipe: &Recipe) -> String {
    let svm = &recipe.svm;
    let parts = [
        (svm.lower_layers > 0.0, "sees all layers"),
        (svm.mirror, "learns from mirrored training images"),
        (svm.shift > 0, "learns from moved training images"),
    ];
    let parts: Vec<&str> = parts.into_iter().filter_map(|(has, part)| has.then_some(part)).collect();
    if parts.is_empty() { String::new() } else { format!(" (the classifier {})", parts.join(" and ")) }
}

/// The cells of a row from the held-out error on.
fn details(outcome: &Outcome) -> String {
    // The work of a killed process after its last epoch is recorded nowhere, so times may be too short.
    let resumed = if outcome.resumed { " (resumed)" } else { "" };
    [
        outcome.held_out_error.map_or("-".to_owned(), percent),
        outcome.c.to_string(),
        format!("{}{resumed}", duration(outcome.train_seconds)),
        duration(outcome.eval_seconds),
        outcome.peak_bytes.map_or("n/a".to_owned(), |bytes| format!("{} MB", bytes / 1_000_000)),
        format!("{:.1}%", 100.0 * outcome.dead_share),
        outcome.seed.to_string(),
        outcome.checksum.clone(),
        format!("{}, {} threads", outcome.isa, outcome.threads),
    ]
    .join(" | ")
}

fn seeds(runs: &PaperRuns<'_>, text: &mut String) -> Result<()> {
    let others = seed_rows(&runs.settings);
    if others.is_empty() {
        return Ok(());
    }
    text.push_str(
        "\n## Other seeds\n\n| recipe | test errors by seed | spread | mean |\n| --- | --- | ---: | ---: |\n",
    );
    let tasks: Vec<Task> = main_rows(&runs.settings).into_iter().chain(others).collect();
    for recipe in runs.settings.seeded() {
        let mut errors = Vec::new();
        let mut cells = Vec::new();
        for task in tasks.iter().filter(|task| task.recipe == recipe) {
            let outcome = task.outcome(runs)?;
            cells.push(match &outcome {
                Some(outcome) => format!("{}: {}", task.seed, percent(outcome.test_error)),
                None => format!("{}: not yet", task.seed),
            });
            errors.extend(outcome.map(|outcome| outcome.test_error));
        }
        let (low, high) =
            errors.iter().fold((f64::MAX, 0.0f64), |(low, high), e| (low.min(*e), high.max(*e)));
        let (mean, _) = evaluate::spread(errors.iter().copied());
        let end = if errors.len() > 1 {
            format!("{:.2} points | {}", 100.0 * (high - low), percent(mean))
        } else {
            " | ".to_owned()
        };
        let _ = writeln!(text, "| {recipe} | {} | {end} |", cells.join(", "));
    }
    Ok(())
}

fn few_labels(runs: &PaperRuns<'_>, text: &mut String) -> Result<()> {
    if runs.settings.set.few_labels.is_empty() {
        return Ok(());
    }
    let _ = write!(
        text,
        "\n## Few labels\n\nFeatures learnt from all images; the SVM fitted to N labels, as many of each class; mean and \
         sample standard deviation over {DRAWS} draws. With at most 2,000 labels C is chosen by 5-fold cross-validation \
         among them.\n\n| N | paper | ours | | features | errors of the draws | C |\n| ---: | ---: | ---: | --- | --- | \
         --- | --- |\n"
    );
    let known = few_labels::entries(runs)?;
    for few in runs.settings.set.few_labels {
        let _ = write!(text, "| {} | {:.2}% | ", few.labels, few.paper);
        let cells = match few.source {
            Source::Row(recipe) => {
                match main_rows(&runs.settings).iter().find(|task| task.recipe == recipe) {
                    Some(task) => task.outcome(runs)?.map(|outcome| {
                        let (error, verdict) = (outcome.test_error, verdict(outcome.test_error, few.paper));
                        format!("{} | {verdict} | the row {recipe} | | {}", percent(error), outcome.c)
                    }),
                    None => None,
                }
            }
            Source::Pooled { .. } => {
                known.iter().find(|entry| entry.labels == few.labels).map(|entry| few_cells(entry, few.paper))
            }
        };
        let _ = writeln!(text, "{} |", cells.unwrap_or_else(|| "not yet | | | |".to_owned()));
    }
    Ok(())
}

fn few_cells(entry: &Entry, paper: f64) -> String {
    let errors: Vec<String> = entry.errors.iter().map(|error| percent(*error)).collect();
    let c: Vec<String> = entry.c.iter().map(f64::to_string).collect();
    format!(
        "{} +- {} | {} | {}, pooled {}, to the power of {}, weights {} | {} | {}",
        percent(entry.mean),
        percent(entry.sd),
        verdict(entry.mean, paper),
        entry.recipe,
        entry.pool,
        entry.power,
        entry.checksum,
        errors.join(", "),
        c.join(", ")
    )
}

fn figures(runs: &PaperRuns<'_>, text: &mut String) -> Result<()> {
    for figure in runs.settings.set.figures {
        let Some(panels) = figure.panels(runs)? else { continue };
        let _ = writeln!(text, "\n## {}\n", figure.title());
        for panel in panels {
            let _ = writeln!(text, "{}:\n\n![{}](pictures/{})\n", panel.caption, panel.caption, panel.file);
        }
    }
    Ok(())
}

/// Whether an error (a share) is as low as the paper's (in per cent, with two decimals).
fn verdict(error: f64, paper: f64) -> &'static str {
    // Rounded to the decimals of the paper's figure.
    if (error * 1e4).round() <= (paper * 100.0).round() { "met" } else { "missed" }
}

fn percent(share: f64) -> String {
    format!("{:.2}%", 100.0 * share)
}

/// `41 s` or `12 min 5 s`.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    if whole < 100 { format!("{whole} s") } else { format!("{} min {} s", whole / 60, whole % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_compared_as_they_are_printed() {
        assert_eq!(verdict(0.0048, 0.48), "met");
        assert_eq!(verdict(0.00484, 0.48), "met");
        assert_eq!(verdict(0.0049, 0.48), "missed");
        assert_eq!(verdict(0.0047, 0.48), "met");
        assert_eq!(
            (percent(0.0102), duration(41.2), duration(725.0)),
            ("1.02%".into(), "41 s".into(), "12 min 5 s".into())
        );
    }
}
