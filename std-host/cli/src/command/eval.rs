//! `wta eval`.

use std::io;
use std::path::PathBuf;

use crate::error::{Error, Result};
use clap::Args;
use wta::Observer;
use wta::data::Split;
use wta::evaluate::{Encoded, Encoding, Evaluation, Plan, Validation, evaluate, validate};
use wta::picture;
use wta::preprocess::Samples;
use wta::recipe::PoolRecipe;
use wta::run::{Run, Trained};

use super::reconstruct::{self, How};
use crate::context::{Context, given};
use crate::load::{run_of, samples};
use crate::print::{json, print};

/// Arguments of `wta eval`.
#[derive(Args)]
#[command(
    after_help = "C is chosen on a held-out part of the training images, then the SVM is fitted to all of them; with
at most 2000 labels C is chosen by 5-fold cross-validation among these. Test labels are used for nothing
but the printed error. eval.json gets every draw, svm.safetensors the first one's classifier.

Of samples without labels, it tells how well the network reconstructs the test samples, or else those that training held
out, and how sparse their codes are: FVU, L0, L1, cosine, dead and dense maps. reconstruction.json gets that.

Examples:
  wta eval --run runs/conv16 --data ~/data
  wta eval --run runs/conv16 --data ~/data --labels 1000 --draws 5 --pool 11/6
  wta eval --run runs/stacked --data ~/data --labels 300 --draws 5 --pool 4/3 --power 1.5
  wta eval --run runs/conv16 --data ~/data --validate --c 1,3,10
  wta eval --run runs/dictionary --data ~/activations"
)]
pub(crate) struct Arguments {
    /// The run folder of a trained network.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The folder that holds `mnist/`, `cifar-10-batches-bin/`, `svhn/` or the recipe's own data; not needed
    /// for the bundled digits.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Use only this many labelled training samples, the same number of each class.
    #[arg(long, value_name = "N")]
    labels: Option<usize>,
    /// Draw the labels this many times, with seed, seed + 1, ...; print mean and standard deviation.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    draws: u16,
    /// The seed of the draw of labels, of the held-out samples, and of their order in the SVM's training.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Instead of the recipe's pooling: side and stride of the windows, as in 11/6, or 11/6,average for
    /// means, or none.
    #[arg(long, value_name = "SIDE/STRIDE")]
    pool: Option<String>,
    /// Raise each feature to this power: with few labels, more than 1 may do better; such a classifier cannot
    /// be exported.
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    power: f32,
    /// Instead of the recipe's values of C to choose from, in ascending order.
    #[arg(long, value_name = "C,C,...", value_delimiter = ',')]
    c: Option<Vec<f64>>,
    /// Print only the error on held-out training samples; the test samples are not opened and nothing is
    /// written.
    #[arg(long)]
    validate: bool,
    /// Print JSON instead of text: everything, which is also what eval.json holds.
    #[arg(long, conflicts_with = "validate")]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let ranks = context.ranks.as_ref();
    context.expect_common(flags(arguments))?;
    let run = run_of(&arguments.run, context, &context.bar());
    let recipe = run.shared_recipe(ranks)?;
    // Checked before data sets are loaded in vain.
    let pool = arguments.pool.as_deref().map(str::parse::<PoolRecipe>).transpose()?;
    if pool.is_some_and(|pool| pool.whole) {
        return Err(Error::Usage(
            "--pool: eval has no `whole`; set it in the recipe's [features]".to_owned(),
        ));
    }
    let (bar, data) = (context.bar(), arguments.data.as_deref());
    let train = samples(&recipe, data, Split::Train, &bar)?;
    let trained = Trained::shared(&run, ranks, recipe.resolve(train.image_shape())?.into())?;
    if train.labels().is_none() {
        expect_no_flags_of_labels(arguments)?;
        if context.is_first() {
            let how = How { data, validate: arguments.validate, json: arguments.json };
            reconstruct::run(&how, &run, &trained, &train, context.isa, &bar)?;
        }
        return Ok(());
    }
    let test = if arguments.validate { None } else { Some(samples(&recipe, data, Split::Test, &bar)?) };
    let mut svm = recipe.svm.clone();
    if let Some(c) = &arguments.c {
        svm.c.clone_from(c);
    }
    let pool = pool.map(|pool| pool.over(trained.resolved.encoding().code()));
    let (labels, draws) = (arguments.labels, usize::from(arguments.draws));
    let plan = Plan { labels, draws, seed: arguments.seed, svm: &svm };
    plan.check(train.len())?;
    let (power, drawn) = (arguments.power, plan.drawn());
    let encoding = Encoding { isa: context.isa, pool, power, drawn, ranks };
    let encoded = Encoded::new(&trained, &train, test.as_ref(), encoding, &bar)?;
    if arguments.validate {
        let validation = validate(&encoded, plan, &bar)?;
        return if context.is_first() { report_validation(&validation) } else { Ok(()) };
    }
    let evaluation = evaluate(&encoded, plan, &bar)?;
    if !context.is_first() {
        return Ok(());
    }
    // Printed before anything is written, so that a full disk does not cost the result.
    if arguments.json {
        print(&json("the evaluation", serde_json::to_string(&evaluation))?)?;
    } else {
        report(&evaluation)?;
    }
    match evaluation.save(&run) {
        Err(wta::Error::Io { source, .. }) if is_read_only(&source) => {
            bar.note(&format!(
                "note: {}: cannot be written, so the result is not kept",
                run.folder().display()
            ));
            return Ok(());
        }
        saved => saved?,
    }
    if let Some(test) = &test {
        let chosen: Vec<usize> = evaluation.confusion.surest.iter().map(|mistake| mistake.sample).collect();
        if let Some(path) = mistakes(&run, test, &chosen)?
            && !arguments.json
        {
            print(&format!("picture: {}\n", path.display()))?;
        }
    }
    Ok(())
}

/// `Ok` unless a flag asks for what needs labels.
fn expect_no_flags_of_labels(arguments: &Arguments) -> Result<()> {
    let given = [
        ("--labels", arguments.labels.is_some()),
        ("--c", arguments.c.is_some()),
        ("--pool", arguments.pool.is_some()),
        ("--draws", arguments.draws != 1),
        ("--power", arguments.power != 1.0),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(Error::Usage(format!(
            "{flag} is for a classifier, but the samples have no labels; without it, eval tells how well they \
             are reconstructed"
        ))),
        None => Ok(()),
    }
}

/// The flags that all processes must have in common.
fn flags(arguments: &Arguments) -> [(&'static str, Option<String>); 7] {
    let Arguments { labels, draws, seed, pool, power, c, validate, .. } = arguments;
    [
        ("--labels", labels.map(|labels| labels.to_string())),
        ("--draws", Some(draws.to_string())),
        ("--seed", Some(seed.to_string())),
        ("--pool", pool.clone()),
        ("--power", Some(power.to_string())),
        ("--c", c.as_ref().map(|c| c.iter().map(f64::to_string).collect::<Vec<_>>().join(","))),
        ("--validate", given(*validate)),
    ]
}

/// Whether a folder is there to be read only, which is no fault of the evaluation's.
fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}

/// Writes a picture of some test samples; nothing if there are none.
fn mistakes(run: &Run, samples: &Samples<'_>, chosen: &[usize]) -> Result<Option<PathBuf>> {
    let Some(picture) = picture::samples(samples, chosen)? else { return Ok(None) };
    let path = run.file("mistakes.png");
    picture.save(&path)?;
    Ok(Some(path))
}

pub(super) fn report(evaluation: &Evaluation) -> Result<()> {
    let mut text = table(&evaluation.held_out, evaluation.c);
    text += &format!(
        "{} features, {:.1}% non-zero; encoded in {:.1} s, SVM in {:.1} s\n",
        evaluation.features,
        100.0 * evaluation.density,
        evaluation.encode_seconds,
        evaluation.svm_seconds
    );
    if !evaluation.converged {
        text += "warning: the SVM stopped at its iteration limit before its tolerance\n";
    }
    let draws = evaluation.draws.len();
    if draws > 1 {
        for (number, draw) in evaluation.draws.iter().enumerate() {
            let held_out = draw.held_out_error.map_or("none".to_owned(), percent);
            text += &format!(
                "draw {}: seed {}, C = {}, held-out error {held_out}, test error {}\n",
                number + 1,
                draw.seed,
                draw.c,
                percent(draw.test_error)
            );
        }
    } else {
        text += &format!("training error: {}\n", percent(evaluation.training_error));
    }
    text += &confusion(evaluation);
    text += &format!("test error: {}\n", with_spread(evaluation.mean, evaluation.sd, draws));
    print(&text)
}

/// The most classes of which a whole table is printed.
const TABLE: usize = 20;

/// The most confusions that are printed otherwise, and the most mistakes.
const LINES: usize = 5;

/// Which classes are confused, on the test samples of the first draw.
fn confusion(evaluation: &Evaluation) -> String {
    let (names, found) = (&evaluation.classes, &evaluation.confusion);
    let name = |class: usize| names.get(class).map_or("?", String::as_str);
    let mut text = String::new();
    if names.len() <= TABLE {
        let widest =
            |least: usize| names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(least);
        let (first, width) = (widest("class".len()), widest(5));
        text += &format!("confusion (rows: true, columns: predicted)\n{:first$}   error", "class");
        names.iter().for_each(|name| text += &format!("  {name:>width$}"));
        text.push('\n');
        for (class, row) in found.counts.iter().enumerate() {
            let error = found.errors.get(class).copied().flatten();
            let error = error.map_or("-".to_owned(), percent);
            text += &format!("{:first$} {error:>7}", name(class));
            row.iter().for_each(|count| text += &format!("  {count:>width$}"));
            text.push('\n');
        }
    } else {
        let mut errors: Vec<(usize, f64)> =
            found.errors.iter().enumerate().filter_map(|(class, error)| Some((class, (*error)?))).collect();
        errors.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        text += "classes with the largest errors (eval.json has all)\n";
        for (class, error) in errors.iter().take(LINES) {
            text += &format!("  {}: {}\n", name(*class), percent(*error));
        }
    }
    if !found.surest.is_empty() {
        text += "surest mistakes (number of the test sample, class, taken for, margin)\n";
    }
    for mistake in found.surest.iter().take(LINES) {
        let (label, predicted) = (name(mistake.label), name(mistake.predicted));
        text += &format!("  {}: {label} for {predicted}, {:.3}\n", mistake.sample, mistake.margin);
    }
    text
}

fn report_validation(validation: &Validation) -> Result<()> {
    let draws = validation.draws.len();
    let mut text = table(&validation.held_out, validation.draws.first().map_or(f64::NAN, |(c, _)| *c));
    if draws > 1 {
        for (number, (c, error)) in validation.draws.iter().enumerate() {
            text += &format!("draw {}: C = {c}, held-out error {}\n", number + 1, percent(*error));
        }
    }
    text += &format!("held-out error: {}\n", with_spread(validation.mean, validation.sd, draws));
    print(&text)
}

/// Each C tried, with its held-out error.
fn table(held_out: &[(f64, f64)], chosen: f64) -> String {
    let mut text = String::from("        C   held-out error\n");
    for (c, error) in held_out {
        let chosen = if *c == chosen { "  <- chosen" } else { "" };
        text += &format!("{c:9}   {:13.2}%{chosen}\n", 100.0 * error);
    }
    text
}

fn percent(share: f64) -> String {
    format!("{:.2}%", 100.0 * share)
}

/// `1.02%`; for several draws `1.92% +- 0.10% over 5 draws`.
fn with_spread(mean: f64, sd: f64, draws: usize) -> String {
    if draws > 1 { format!("{} +- {} over {draws} draws", percent(mean), percent(sd)) } else { percent(mean) }
}
