//! The optimisers' updates, element by element in the scalar order and without fused operations: the same
//! bits as the oracle's, on every ISA.

use wta_core::{AdamUpdate, Kernels, Scalar, SgdUpdate};

use crate::vector::Vector;

/// See [`Kernels::sgd`].
///
/// # Safety
///
/// `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn sgd<V: Vector>(
    update: &SgdUpdate,
    gradient: &[f32],
    velocity: &mut [f32],
    weights: &mut [f32],
) {
    let len = gradient.len().min(velocity.len()).min(weights.len());
    let whole = len - len % V::LANES;
    let mut i = 0;
    while i < whole {
        // SAFETY: `i + LANES <= whole`, which is within all three slices.
        unsafe {
            let (v, w) = (velocity.as_mut_ptr().add(i), weights.as_mut_ptr().add(i));
            let weight = V::load(w);
            let slope = V::load(gradient.as_ptr().add(i)).add(V::splat(update.decay).mul(weight));
            let speed = V::splat(update.momentum).mul(V::load(v)).add(slope);
            speed.store(v);
            weight.sub(V::splat(update.rate).mul(speed)).store(w);
        }
        i += V::LANES;
    }
    Scalar.sgd(update, &gradient[whole..len], &mut velocity[whole..len], &mut weights[whole..len]);
}

/// See [`Kernels::adam`].
///
/// # Safety
///
/// `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn adam<V: Vector>(
    update: &AdamUpdate,
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    weights: &mut [f32],
) {
    let len = gradient.len().min(first.len()).min(second.len()).min(weights.len());
    let whole = len - len % V::LANES;
    let mut i = 0;
    while i < whole {
        // SAFETY: `i + LANES <= whole`, which is within all four slices.
        unsafe {
            let (m, v) = (first.as_mut_ptr().add(i), second.as_mut_ptr().add(i));
            let w = weights.as_mut_ptr().add(i);
            let weight = V::load(w);
            let slope = V::load(gradient.as_ptr().add(i)).add(V::splat(update.decay).mul(weight));
            let (beta1, beta2) = (V::splat(update.beta1), V::splat(update.beta2));
            let fresh1 = V::splat(1.0 - update.beta1).mul(slope);
            let fresh2 = V::splat(1.0 - update.beta2).mul(slope.mul(slope));
            let moment1 = beta1.mul(V::load(m)).add(fresh1);
            let moment2 = beta2.mul(V::load(v)).add(fresh2);
            moment1.store(m);
            moment2.store(v);
            let scale = moment2.sqrt().mul(V::splat(update.root)).add(V::splat(update.epsilon));
            weight.sub(V::splat(update.rate).mul(moment1.div(scale))).store(w);
        }
        i += V::LANES;
    }
    let rest = whole..len;
    Scalar.adam(
        update,
        &gradient[rest.clone()],
        &mut first[rest.clone()],
        &mut second[rest.clone()],
        &mut weights[rest],
    );
}
