//! ZCA whitening of whole images: `U diag(1 / sqrt(s + r)) U^T (x - mean)`.
//!
//! The matrix is computed in double precision with faer. Its products are split into [`PARTS`] parts whatever
//! the number of threads, because the split decides the last bits of a sum.

use std::sync::Arc;
use std::time::Instant;

use faer::diag::DiagMut;
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use wta_core::{Kernels, Random};
use wta_simd::Isa;

use crate::error::{Error, Result};
use crate::memory::aligned::Aligned;
use crate::memory::reserve;

use super::finite::{expect_finite, expect_finite_factors};

/// The number of parts of faer's products.
const PARTS: usize = 8;

/// The number of images that a thread whitens at a time: enough to read the matrix rarely.
const BLOCK: usize = 64;

/// The step `zca`.
#[derive(Debug, PartialEq)]
pub(super) struct Zca {
    pub(super) mean: Vec<f32>,
    /// A symmetric matrix with as many rows as the mean has numbers.
    pub(super) matrix: Vec<f32>,
}

impl Zca {
    /// Whitening that changes nothing, for images of `features` numbers: it takes the memory and the time of
    /// any other.
    pub(super) fn identity(features: usize) -> Result<Self> {
        let mut matrix: Vec<f32> = reserve::zeros(features.saturating_mul(features), || what(features))?;
        matrix.iter_mut().step_by(features + 1).for_each(|v| *v = 1.0);
        Ok(Self { mean: vec![0.0; features], matrix })
    }
}

/// The bytes of the products of images of `features` numbers.
pub(super) fn products_bytes(features: usize) -> u64 {
    (features as u64).saturating_mul(features as u64).saturating_mul(size_of::<f64>() as u64)
}

/// The bytes that learning from these products needs: they, the eigenvectors, and what finds these.
pub(super) fn memory(features: usize) -> u64 {
    // Of absurdly many numbers, the products alone are too many, and no memory for more can be told.
    let temporary = if features < 1 << 20 { evd_memory(features).size_bytes() as u64 } else { 0 };
    products_bytes(features).saturating_mul(2).saturating_add(temporary)
}

/// What faer needs to find eigenvectors.
fn evd_memory(features: usize) -> StackReq {
    let par = Par::rayon(PARTS);
    self_adjoint_evd_scratch::<f64>(features, ComputeEigenvectors::Yes, par, Default::default())
}

/// The images, and the numbers of an image, with which [`seconds`] measures.
const MEASURED_IMAGES: usize = 256;
const MEASURED_FEATURES: usize = 512;

/// How often it does: the fastest counts, as memory is new at first, and other programs interrupt.
const MEASUREMENTS: usize = 3;

/// About how long it takes on this machine to learn from so many images of `features` numbers: their products
/// are measured on a few images, and the eigenvectors on smaller ones.
pub(super) fn seconds(features: usize, images: usize) -> Result<f64> {
    let count = MEASURED_IMAGES.min(images.max(1));
    let mut random = Random::new(1);
    let mut noise = |features: usize| -> Result<Vec<f32>> {
        let mut numbers: Vec<f32> = reserve::zeros(features.saturating_mul(count), || what(features))?;
        numbers.iter_mut().for_each(|v| *v = random.uniform());
        Ok(numbers)
    };
    let (mut add, mut learn) = (f64::INFINITY, f64::INFINITY);
    let numbers = noise(features)?;
    let mut covariance = Covariance::new(features)?;
    for _ in 0..MEASUREMENTS {
        let start = Instant::now();
        covariance.add(&numbers);
        add = add.min(start.elapsed().as_secs_f64() / count as f64);
    }
    drop(covariance);
    let small = features.clamp(1, MEASURED_FEATURES);
    let numbers = noise(small)?;
    for _ in 0..MEASUREMENTS {
        let mut covariance = Covariance::new(small)?;
        covariance.add(&numbers);
        let start = Instant::now();
        covariance.learn(1.0)?;
        learn = learn.min(start.elapsed().as_secs_f64());
    }
    Ok(add * images as f64 + learn * (features as f64 / small as f64).powi(3))
}

/// Sums over images, from which a [`Zca`] is learnt.
#[derive(Default)]
pub(super) struct Covariance {
    features: usize,
    count: usize,
    sums: Vec<f64>,
    /// The lower triangle of the sum of `x x^T`, column by column.
    products: Vec<f64>,
    /// Scratch memory: a block of images in double precision.
    block: Vec<f64>,
}

impl Covariance {
    /// Sums over no images yet, for images of `features` numbers.
    ///
    /// # Errors
    ///
    /// One sentence if there is not enough memory.
    pub(super) fn new(features: usize) -> Result<Self> {
        let len = features.saturating_mul(features);
        reserve::expect(memory(features), || what(features))?;
        let products = reserve::zeros(len, || what(features))?;
        Ok(Self { features, count: 0, sums: vec![0.0; features], products, block: Vec::new() })
    }

    /// Adds images that lie one after the other.
    pub(super) fn add(&mut self, images: &[f32]) {
        let count = images.len() / self.features.max(1);
        self.block.clear();
        self.block.par_extend(images.par_iter().map(|v| f64::from(*v)));
        for image in self.block.chunks_exact(self.features.max(1)) {
            self.sums.iter_mut().zip(image).for_each(|(sum, v)| *sum += v);
        }
        self.count += count;
        let block = MatRef::from_row_major_slice(&self.block, count, self.features);
        triangular::matmul(
            MatMut::from_column_major_slice_mut(&mut self.products, self.features, self.features),
            BlockStructure::TriangularLower,
            Accum::Add,
            block.transpose(),
            BlockStructure::Rectangular,
            block,
            BlockStructure::Rectangular,
            1.0,
            Par::rayon(PARTS),
        );
    }

    /// The step learnt from the images.
    ///
    /// # Errors
    ///
    /// One sentence if there is not enough memory, or if numbers are not finite.
    pub(super) fn learn(mut self, regulariser: f64) -> Result<Zca> {
        let n = self.features;
        let count = self.count.max(1) as f64;
        self.block = Vec::new();
        let mean: Vec<f64> = self.sums.iter().map(|sum| sum / count).collect();
        self.products.par_chunks_exact_mut(n.max(1)).zip(&mean).for_each(|(column, m)| {
            column.iter_mut().zip(&mean).for_each(|(v, mean)| *v = *v / count - mean * m);
        });
        let mean: Vec<f32> = mean.iter().map(|m| *m as f32).collect();
        if !self.products.iter().all(|v| v.is_finite()) {
            expect_finite("zca", &[f32::NAN])?;
        }
        let (values, mut vectors) = eigen(&self.products, n)?;
        // U diag((s + r)^-1/4): its product with its own transpose is the whitening matrix.
        vectors.par_chunks_exact_mut(n.max(1)).zip(&values).for_each(|(vector, value)| {
            // Rounding may make an eigenvalue of 0 slightly negative.
            let factor = (value.max(0.0) + regulariser).powf(-0.25);
            vector.iter_mut().for_each(|v| *v *= factor);
        });
        let factors = MatRef::from_column_major_slice(&vectors, n, n);
        let mut product = self.products;
        triangular::matmul(
            MatMut::from_column_major_slice_mut(&mut product, n, n),
            BlockStructure::TriangularLower,
            Accum::Replace,
            factors,
            BlockStructure::Rectangular,
            factors.transpose(),
            BlockStructure::Rectangular,
            1.0,
            Par::rayon(PARTS),
        );
        drop(vectors);
        let mut matrix = reserve::zeros(n * n, || what(n))?;
        matrix.par_chunks_exact_mut(n.max(1)).enumerate().for_each(|(row, to)| {
            for (column, to) in to.iter_mut().enumerate() {
                let place = row.min(column) * n + row.max(column);
                *to = product.get(place).map_or(0.0, |v| *v as f32);
            }
        });
        expect_finite("zca", &mean)?;
        expect_finite_factors("zca", &matrix)?;
        Ok(Zca { mean, matrix })
    }
}

/// Eigenvalues and eigenvectors (column by column) of a symmetric matrix; only its lower triangle is read.
fn eigen(matrix: &[f64], n: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut values, mut vectors) = (vec![0.0; n], reserve::zeros(n * n, || what(n))?);
    let par = Par::rayon(PARTS);
    let needed = evd_memory(n);
    let mut memory = MemBuffer::try_new(needed).map_err(|_| Error::Memory {
        what: what(n),
        needs: needed.size_bytes() as u64,
        left: None,
    })?;
    self_adjoint_evd(
        MatRef::from_column_major_slice(matrix, n, n),
        DiagMut::from_slice_mut(&mut values),
        Some(MatMut::from_column_major_slice_mut(&mut vectors, n, n)),
        par,
        MemStack::new(&mut memory),
        Default::default(),
    )
    .map_err(|_| {
        Error::Invalid("preprocess step zca: the covariance's eigenvectors were not found".to_owned())
    })?;
    Ok((values, vectors))
}

/// What the memory is for.
fn what(n: usize) -> String {
    format!("preprocess step zca, whitening of {n} numbers,")
}

/// A [`Zca`] in the kernels' layout.
pub(super) struct Whitener {
    isa: Isa,
    zca: Arc<Zca>,
    prepared: Aligned,
}

impl Whitener {
    pub(super) fn new(isa: Isa, zca: Arc<Zca>) -> Self {
        let features = zca.mean.len();
        let mut prepared = Aligned::zeros(isa.prepared_len(features, features));
        isa.prepare(&zca.matrix, features, &mut prepared);
        Self { isa, zca, prepared }
    }

    /// Whitens images in place: multiplies blocks of images with the matrix.
    pub(super) fn apply(&self, images: &mut [f32]) {
        let features = self.zca.mean.len().max(1);
        let width = features.next_multiple_of(self.isa.panel_maps().max(1));
        // If there are few images, each thread gets a share of them.
        let share = (images.len() / features).div_ceil(rayon::current_num_threads());
        let block = share.next_multiple_of(8).clamp(1, BLOCK);
        images.par_chunks_mut(block * features).for_each(|images| {
            for image in images.chunks_exact_mut(features) {
                image.iter_mut().zip(&self.zca.mean).for_each(|(v, mean)| *v -= mean);
            }
            let count = images.len() / features;
            let mut whitened = Aligned::zeros(count * width);
            let zeros = [0.0; BLOCK];
            let zeros = zeros.get(..count).unwrap_or_default();
            // The roles are swapped: the images are the kernels' units, and the rows of the matrix their
            // images.
            self.isa.linear(images, zeros, &self.zca.matrix, &self.prepared, &mut whitened);
            for (image, whitened) in images.chunks_exact_mut(features).zip(whitened.chunks_exact(width)) {
                image.iter_mut().zip(whitened).for_each(|(to, v)| *to = *v);
            }
        });
    }
}
