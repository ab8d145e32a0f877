//! A data set's features, ready for the SVM.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use wta_core::{Pool, Size};
use wta_simd::Isa;

use super::origin::origin_of;
use super::plan::Drawn;
use super::train_part::TrainPart;
use crate::data::Classes;
use crate::encode::{FeatureEncoder, RowEncoder};
use crate::error::{Error, Interrupted, Result, Setting};
use crate::observer::Observer;
use crate::preprocess::{Samples, View};
use crate::ranks::{Fact, Ranks, Team, agree};
use crate::recipe::SvmScale;
use crate::run::Trained;
use crate::run::common::{facts_of_samples, facts_of_work};
use crate::svm::file::Origin;
use crate::svm::{self, Rows, Scaling};

/// How to encode.
#[derive(Clone, Copy, Debug)]
pub struct Encoding<'a> {
    /// The instruction set.
    pub isa: Isa,
    /// The pooling, if it is not the recipe's.
    pub pool: Option<Pool>,
    /// The power that each feature is raised to. 1 changes nothing; more than 1 gives strong responses more
    /// weight, which suits few labels.
    pub power: f32,
    /// The labels that will be drawn ([`Plan::drawn`](super::Plan::drawn)), so that no other images are
    /// encoded in several views; `None` for all.
    pub drawn: Option<Drawn>,
    /// The processes that encode together, and then evaluate together; this one alone by default. All of them
    /// make the same calls with the same arguments, and get the same results, whose bits are those of one
    /// process. Each encodes a part of the images and then has the features of all.
    pub ranks: Option<&'a Arc<dyn Ranks>>,
}

/// The features of the test images and their labels.
pub struct TestPart {
    /// Scaled features, one row for each image.
    pub rows: Rows,
    /// One for each row.
    pub labels: Vec<u16>,
}

/// The features of a data set, encoded once for any number of evaluations.
///
/// One constant scales all features, or one each of them (the recipe's `svm.scale`), so that those of the
/// training images have a norm of 1 on average. This needs no labels, so it is computed from all training
/// images, however few labels are used.
///
/// Each feature other than 0 takes 8 bytes: 60,000 images with 51,200 features, a twentieth of them not 0,
/// take 1.2 GB.
pub struct Encoded {
    /// The training images; in several views if the recipe's `svm.mirror` or `svm.shift` says so.
    pub train: TrainPart,
    /// The test images; `None` if only [`super::validate`] is called, which does not use them.
    pub test: Option<TestPart>,
    /// The names of the classes.
    pub classes: Classes,
    /// The encoder of the features.
    pub(super) encoder: FeatureEncoder,
    /// The scaling of the features.
    pub scaling: Scaling,
    /// The pooling.
    pub pool: Pool,
    /// The power that each feature was raised to.
    pub power: f32,
    /// [`Trained::checksum`] of the network.
    pub checksum: u32,
    /// What a classifier of these features belongs to.
    pub(super) origin: Origin,
    /// The processes that evaluate together.
    pub(super) ranks: Option<Arc<dyn Ranks>>,
    /// The instruction set.
    pub isa: Isa,
    /// The time to encode, in seconds.
    pub seconds: f64,
}

impl Default for Encoding<'_> {
    fn default() -> Self {
        Self { isa: Isa::detect(), pool: None, power: 1.0, drawn: None, ranks: None }
    }
}

impl Encoded {
    /// Encodes all training and test images.
    ///
    /// # Errors
    ///
    /// One sentence if the data have no labels, the training and test images differ in size, the pooling does
    /// not fit, or the power is out of range; [`Error::Interrupted`] if the observer of any process stops it,
    /// [`Error::Lost`] if another process has an error or is gone.
    pub fn new(
        trained: &Trained,
        train: &Samples<'_>,
        test: Option<&Samples<'_>>,
        how: Encoding<'_>,
        observer: &dyn Observer,
    ) -> Result<Self> {
        expect_common(trained, train, test, &how)?;
        let labels_of = |samples: &Samples<'_>| {
            samples.labels().map(<[u16]>::to_vec).ok_or_else(|| {
                let name = &trained.recipe().name;
                Error::Invalid(format!("recipe {name}: the data set has no labels to classify by"))
            })
        };
        let (train_labels, test_labels) = (labels_of(train)?, test.map(labels_of).transpose()?);
        if test.is_some_and(|test| test.shape() != train.shape()) {
            return Err(Error::Invalid("the training and the test images are of different sizes".to_owned()));
        }
        if let (Some(labels), Some(test)) = (&test_labels, test)
            && !labels.iter().any(|label| train_labels.contains(label))
        {
            return Err(Error::Invalid(no_common_class(&train_labels, labels, test.classes())));
        }
        if !(how.power > 0.0 && how.power <= 10.0) {
            return Err(Error::setting(Setting::Power, "must be more than 0 and at most 10"));
        }
        let views = View::all(&trained.recipe().svm, train.form(), train.image_shape())?;
        let further = views.get(1..).unwrap_or_default();
        let viewed = match how.drawn {
            Some(drawn) if !further.is_empty() => drawn.images(&train_labels, train.classes())?,
            _ => (0..train.len()).collect(),
        };
        let start = Instant::now();
        let encoder = FeatureEncoder::new(how.isa, trained)?;
        let pool = how.pool.map_or(trained.resolved.pool(), |pool| trained.resolved.pooled(pool));
        let encoder = match how.pool {
            Some(pool) => encoder.pooled(pool)?,
            None => encoder,
        };
        let weight = trained.recipe().svm.lower_layers;
        let encoder = if weight > 0.0 { encoder.all_layers(train, weight)? } else { encoder };
        let count = train.len() + further.len() * viewed.len() + test.map_or(0, Samples::len);
        observer.begin("encode", count as u64);
        let (team, interrupted) = (&Team::of(how.ranks), Interrupted::Evaluation);
        let by = RowEncoder { encoder: &encoder, team, observer, interrupted };
        let mut train_rows = rows(&by, train, further, &viewed)?;
        let mut test_rows = test.map(|test| rows(&by, test, &[], &[])).transpose()?;
        if how.power != 1.0 {
            svm::raise(&mut train_rows, how.power)?;
            test_rows.as_mut().map(|rows| svm::raise(rows, how.power)).transpose()?;
        }
        let scaling = match trained.recipe().svm.scale {
            SvmScale::All => Scaling::unit_average_norm(&train_rows),
            SvmScale::Feature => Scaling::per_feature(&train_rows),
        };
        scaling.apply(&mut train_rows)?;
        test_rows.as_mut().map(|rows| scaling.apply(rows)).transpose()?;
        observer.end();
        let origin = origin_of(trained, pool, how.power, train.classes().names());
        Ok(Self {
            train: TrainPart::new(train_rows, train_labels, viewed, views.len()),
            test: test_rows.zip(test_labels).map(|(rows, labels)| TestPart { rows, labels }),
            classes: train.classes().clone(),
            encoder,
            scaling,
            pool,
            power: how.power,
            checksum: trained.checksum(),
            origin,
            ranks: how.ranks.cloned(),
            isa: how.isa,
            seconds: start.elapsed().as_secs_f64(),
        })
    }
}

/// `Ok` if all processes encode the same samples by the same network in the same way.
fn expect_common(
    trained: &Trained,
    train: &Samples<'_>,
    test: Option<&Samples<'_>>,
    how: &Encoding<'_>,
) -> Result<()> {
    let Some(ranks) = how.ranks.filter(|ranks| ranks.size() > 1) else { return Ok(()) };
    let mut facts = facts_of_work(how.isa, trained.recipe());
    facts.push(Fact::new("weights", format!("{:08x}", trained.checksum())));
    facts.extend(facts_of_samples("training samples", train)?);
    if let Some(test) = test {
        facts.extend(facts_of_samples("test samples", test)?);
    }
    let pool = how.pool.map_or("the recipe's".to_owned(), |pool| {
        let Pool { kernel, stride, kind, threshold } = pool;
        let side = |size: Size| format!("{}x{}", size.height, size.width);
        format!("{}/{}, {kind:?}, {threshold:?}", side(kernel), side(stride)).to_lowercase()
    });
    facts.push(Fact::new("pooling", pool));
    facts.push(Fact::new("power", how.power));
    facts.push(Fact::new("draw of labels", how.drawn.map_or("none".to_owned(), |drawn| drawn.to_string())));
    Ok(agree(&**ranks, &facts)?)
}

/// The sentence for labels of which none is in both splits.
fn no_common_class(train: &[u16], test: &[u16], classes: &Classes) -> String {
    let names = |labels: &[u16]| {
        let present: BTreeSet<u16> = labels.iter().copied().collect();
        let few: Vec<&str> = present.iter().take(5).map(|class| classes.name(usize::from(*class))).collect();
        few.join(", ") + if present.len() > few.len() { ", ..." } else { "" }
    };
    format!(
        "the training labels ({}) and the test labels ({}) have no class in common; are these the labels of one \
         data set?",
        names(train),
        names(test)
    )
}

/// The features of all samples as they are, then those of the samples `viewed` in each of the further views.
fn rows(by: &RowEncoder<'_>, samples: &Samples<'_>, further: &[View], viewed: &[usize]) -> Result<Rows> {
    let mut rows = Rows::new(by.encoder.shape().len())?;
    by.append(samples, &(0..samples.len()).collect::<Vec<usize>>(), &mut rows)?;
    for view in further {
        by.append(&samples.seen(*view), viewed, &mut rows)?;
    }
    Ok(rows)
}
