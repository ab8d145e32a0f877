//! How an ISA module makes [`Kernels`](wta_core::Kernels) of the generic kernels: one definition for all
//! ISAs.

/// A method of `Kernels`: `$call`, compiled with the token's `$features`, where its operands fit, and
/// otherwise what `Scalar` does with them.
///
/// `$call` may be unsafe only in that it needs `$fits` and the instruction set.
macro_rules! kernel {
    (
        $features:literal,
        fn $name:ident($($operand:ident: $type:ty),* $(,)?) $(-> $result:ty)?;
        where $fits:expr;
        $call:expr
    ) => {
        fn $name(self, $($operand: $type),*) $(-> $result)? {
            #[target_feature(enable = $features)]
            #[allow(clippy::too_many_arguments, reason = "a kernel's operands")]
            fn run($($operand: $type),*) $(-> $result)? {
                // SAFETY: the caller has checked that all fits, and the instruction set is enabled here.
                unsafe { $call }
            }
            if !$fits {
                return Scalar.$name($($operand),*);
            }
            // SAFETY: the token proves the instruction set.
            unsafe { run($($operand),*) }
        }
    };
}

/// A direct convolution, with `$signs` outputs of each filter (`$both`: 2, else 1).
macro_rules! convolve_kernel {
    ($features:literal, fn $name:ident; $vector:ty, $tile:literal, $both:literal, $signs:literal) => {
        kernel! {
            $features,
            fn $name(
                fields: &ReceptiveFields,
                filters: Filters<'_>,
                map: &[f32],
                output_layout: OutputLayout,
                out: &mut [f32],
            );
            where ($crate::generic::convolve::fits(
                fields,
                filters.bias.len(),
                filters.prepared.len(),
                map.len(),
                <$vector as Vector>::LANES,
            ) && $crate::generic::convolve::outputs_fit(
                fields,
                filters.bias.len().saturating_mul($signs),
                output_layout,
                out.len(),
            ));
            $crate::generic::convolve::convolve::<$vector, $tile, $both>(
                fields,
                filters.prepared,
                filters.bias,
                map,
                output_layout,
                out,
            )
        }
    };
}

/// A convolution by tiles, with `$signs` outputs of each filter (`$both`: 2, else 1), where its operands fit,
/// and otherwise what `Scalar` does by `$direct`.
macro_rules! tiles_kernel {
    (
        $features:literal,
        fn $name:ident;
        $vector:ty, $tile:literal, $both:literal, $signs:literal;
        or $direct:ident
    ) => {
        fn $name(
            self,
            fields: &ReceptiveFields,
            filters: Filters<'_>,
            map: &[f32],
            output_layout: OutputLayout,
            scratch: &mut [f32],
            out: &mut [f32],
        ) {
            use $crate::generic::convolve::outputs_fit;
            use $crate::generic::winograd::{Plan, TiledLayer};
            #[target_feature(enable = $features)]
            fn run(
                layer: &TiledLayer<'_>,
                output_layout: OutputLayout,
                scratch: &mut [f32],
                out: &mut [f32],
            ) {
                // SAFETY: the caller has checked that all fits, and the instruction set is enabled here.
                unsafe { layer.convolve::<$vector, $tile, $both>(output_layout, scratch, out) }
            }
            let Filters { prepared, bias, .. } = filters;
            let plan = Plan::new(fields, bias.len(), <$vector as Vector>::LANES);
            let outputs = bias.len().saturating_mul($signs);
            let fits = |layer: &TiledLayer<'_>| {
                layer.fits(scratch.len()) && outputs_fit(fields, outputs, output_layout, out.len())
            };
            let layer = plan.as_ref().map(|plan| TiledLayer { plan, fields, prepared, bias, map });
            let Some(layer) = layer.filter(fits) else {
                return Scalar.$direct(fields, filters, map, output_layout, out);
            };
            // SAFETY: the token proves the instruction set.
            unsafe { run(&layer, output_layout, scratch, out) }
        }
    };
}

/// Implements `Kernels` for the token `$token` with registers `$vector`, convolution tiles of `$tile`
/// positions, products of 6 units by `$vectors` registers of images, and backpropagation of `$positions`
/// positions to `$strip` registers. `$features` is what the token's existence proves the processor to have.
macro_rules! implement_kernels {
    ($token:ident, $vector:ty, $tile:literal, $vectors:literal, $positions:literal x $strip:literal, $features:literal) => {
        impl wta_core::Kernels for $token {
            fn prepared_len(self, filters: usize, field_len: usize) -> usize {
                $crate::generic::convolve::prepared_len(filters, field_len, <$vector as Vector>::LANES)
            }

            fn prepare(self, weights: &[f32], field_len: usize, prepared: &mut [f32]) {
                $crate::generic::convolve::prepare(weights, field_len, <$vector as Vector>::LANES, prepared);
            }

            convolve_kernel! { $features, fn convolve; $vector, $tile, false, 1 }

            convolve_kernel! { $features, fn convolve_both_signs; $vector, $tile, true, 2 }

            fn panel_maps(self) -> usize {
                <$vector as Vector>::LANES
            }

            fn tiling(self, fields: &ReceptiveFields, filters: usize) -> Option<Tiling> {
                let plan = $crate::generic::winograd::Plan::new(fields, filters, <$vector as Vector>::LANES)?;
                Some(plan.tiling())
            }

            fn prepare_tiles(
                self,
                fields: &ReceptiveFields,
                maps: usize,
                weights: &[f32],
                prepared: &mut [f32],
            ) {
                use $crate::generic::winograd::{Plan, prepare};
                #[target_feature(enable = $features)]
                fn run(plan: &Plan, fields: &ReceptiveFields, weights: &[f32], prepared: &mut [f32]) {
                    // SAFETY: the instruction set is enabled here.
                    unsafe { prepare::<$vector>(plan, fields, weights, prepared) }
                }
                let Some(plan) = Plan::new(fields, maps, <$vector as Vector>::LANES) else {
                    return;
                };
                // SAFETY: the token proves the instruction set.
                unsafe { run(&plan, fields, weights, prepared) }
            }

            tiles_kernel! {
                $features,
                fn convolve_tiles;
                $vector, $tile, false, 1;
                or convolve
            }

            tiles_kernel! {
                $features,
                fn convolve_tiles_both_signs;
                $vector, $tile, true, 2;
                or convolve_both_signs
            }

            fn screen(
                self,
                fields: &ReceptiveFields,
                filters: Filters<'_>,
                map: &[f32],
                scratch: &mut [f32],
                screened: Screened<'_>,
            ) {
                use $crate::generic::winograd::{Plan, TiledLayer};
                #[target_feature(enable = $features)]
                fn screen_tiles(layer: &TiledLayer<'_>, scratch: &mut [f32], screened: Screened<'_>) {
                    let Screened { maxima, best, slack } = screened;
                    // SAFETY: the caller has checked that all fits, and the instruction set is enabled here.
                    unsafe { layer.screen::<$vector, $tile>(scratch, maxima, best, slack) }
                }
                let Filters { prepared, bias, .. } = filters;
                let plan = Plan::new(fields, bias.len(), <$vector as Vector>::LANES);
                let fits = |layer: &TiledLayer<'_>| {
                    let tiles = layer.plan.tiling().tiles();
                    layer.fits(scratch.len())
                        && screened.maxima.len() == tiles.saturating_mul(bias.len())
                        && screened.best.len() == bias.len()
                        && screened.slack.len() == bias.len()
                };
                let layer = plan.as_ref().map(|plan| TiledLayer { plan, fields, prepared, bias, map });
                let Some(layer) = layer.filter(fits) else {
                    return screened.slack.fill(f32::INFINITY);
                };
                // SAFETY: the token proves the instruction set.
                unsafe { screen_tiles(&layer, scratch, screened) }
            }

            kernel! {
                $features,
                fn activations(
                    fields: &ReceptiveFields,
                    positions: &[u32],
                    map: &[f32],
                    filter: &[f32],
                    bias: f32,
                    out: &mut [f32],
                );
                where (filter.len() == fields.len()
                    && out.len() == positions.len()
                    && $crate::generic::gradient::fits(fields, positions, 0, 0, map.len()));
                $crate::generic::field::activations::<$vector>(fields, positions, map, filter, bias, out)
            }

            kernel! {
                $features,
                fn field_dot(fields: &ReceptiveFields, at: usize, map: &[f32], filter: &[f32]) -> f32;
                where $crate::generic::field::fits(fields, at, map.len(), filter.len());
                $crate::generic::field::dot::<$vector>(fields, at, map, filter)
            }

            kernel! {
                $features,
                fn add_to_field(
                    fields: &ReceptiveFields,
                    at: usize,
                    scale: f32,
                    filter: &[f32],
                    map: &mut [f32],
                );
                where $crate::generic::field::fits(fields, at, map.len(), filter.len());
                $crate::generic::field::add_to_field::<$vector>(fields, at, scale, filter, map)
            }

            kernel! {
                $features,
                fn add_to_filter(
                    fields: &ReceptiveFields,
                    at: usize,
                    scale: f32,
                    map: &[f32],
                    filter: &mut [f32],
                );
                where $crate::generic::field::fits(fields, at, map.len(), filter.len());
                $crate::generic::field::add_to_filter::<$vector>(fields, at, scale, map, filter)
            }

            kernel! {
                $features,
                fn filter_gradients(
                    fields: &ReceptiveFields,
                    positions: &[u32],
                    deltas: &[f32],
                    maps: usize,
                    first: usize,
                    map: &[f32],
                    gradient: &mut [f32],
                );
                where (fields.len() > 0
                    && fields.len() <= gradient.len()
                    && gradient.len() % fields.len() == 0
                    && first.checked_add(gradient.len() / fields.len()).is_some_and(|end| end <= maps)
                    && $crate::generic::gradient::fits(fields, positions, deltas.len(), maps, map.len()));
                $crate::generic::gradient::filter_gradients::<$vector, $vectors>(
                    fields, positions, deltas, maps, first, map, gradient,
                )
            }

            kernel! {
                $features,
                fn backpropagate(
                    fields: &ReceptiveFields,
                    positions: &[u32],
                    deltas: &[f32],
                    weights: &[f32],
                    below: &mut [f32],
                );
                where (weights.len().checked_div(fields.len()).is_some_and(|maps| {
                    maps > 0
                        && $crate::generic::gradient::fits(fields, positions, deltas.len(), maps, below.len())
                }));
                $crate::generic::gradient::backpropagate::<$vector, $positions, $strip>(
                    fields, positions, deltas, weights, below,
                )
            }

            kernel! {
                $features,
                fn compete(activations: &[f32], first: u32, values: &mut [f32], positions: &mut [u32]);
                where (values.len() == positions.len());
                $crate::generic::select::compete::<$vector>(activations, first, values, positions)
            }

            kernel! {
                $features,
                fn lifetime_cuts(
                    values: &[f32],
                    width: usize,
                    first: usize,
                    keep: usize,
                    cuts: &mut [Cut],
                ) -> Result<()>;
                where true;
                $crate::generic::select::lifetime_cuts::<$vector>(values, width, first, keep, cuts)
            }

            kernel! {
                $features,
                fn row_cut(values: &[f32], keep: usize) -> Result<Cut>;
                where true;
                $crate::generic::select::row_cut::<$vector>(values, keep)
            }

            kernel! {
                $features,
                fn row_survivors(row: &[f32], values: &mut [f32], places: &mut [u32]) -> Result<u32>;
                where true;
                $crate::generic::select::row_survivors::<$vector>(row, values, places)
            }

            kernel! {
                $features,
                fn unit_activations(
                    weights: &[f32],
                    bias: &[f32],
                    images: &[f32],
                    prepared: &[f32],
                    out: &mut [f32],
                );
                where $crate::generic::units::products_fit(
                    weights.len(),
                    bias.len(),
                    prepared.len(),
                    out.len(),
                    <$vector as Vector>::LANES,
                );
                {
                    let _ = images;
                    $crate::generic::units::products::<$vector, 6, $vectors, true>(
                        weights, bias, prepared, out,
                    )
                }
            }

            kernel! {
                $features,
                fn linear(weights: &[f32], bias: &[f32], images: &[f32], prepared: &[f32], out: &mut [f32]);
                where $crate::generic::units::products_fit(
                    weights.len(),
                    bias.len(),
                    prepared.len(),
                    out.len(),
                    <$vector as Vector>::LANES,
                );
                {
                    let _ = images;
                    $crate::generic::units::products::<$vector, 6, $vectors, false>(
                        weights, bias, prepared, out,
                    )
                }
            }

            kernel! {
                $features,
                fn weighted_row_sum(
                    scales: &[f32],
                    rows: &[u32],
                    matrix: &[f32],
                    stride: usize,
                    out: &mut [f32],
                );
                where $crate::generic::units::rows_fit(scales.len(), rows, matrix.len(), stride, out.len());
                $crate::generic::units::weighted_row_sum::<$vector>(scales, rows, matrix, stride, out)
            }

            kernel! {
                $features,
                fn row_dots(vector: &[f32], rows: &[u32], matrix: &[f32], stride: usize, out: &mut [f32]);
                where $crate::generic::units::rows_fit(out.len(), rows, matrix.len(), stride, vector.len());
                $crate::generic::units::row_dots::<$vector>(vector, rows, matrix, stride, out)
            }

            kernel! {
                $features,
                fn max(from: &[f32], to: &mut [f32]);
                where true;
                $crate::generic::field::max::<$vector>(from, to)
            }

            kernel! {
                $features,
                fn sgd(update: &SgdUpdate, gradient: &[f32], velocity: &mut [f32], weights: &mut [f32]);
                where true;
                $crate::generic::optimizer::sgd::<$vector>(update, gradient, velocity, weights)
            }

            kernel! {
                $features,
                fn adam(
                    update: &AdamUpdate,
                    gradient: &[f32],
                    first: &mut [f32],
                    second: &mut [f32],
                    weights: &mut [f32],
                );
                where true;
                $crate::generic::optimizer::adam::<$vector>(update, gradient, first, second, weights)
            }
        }
    };
}

/// A token of instructions that multiply bytes: `$n` blocks by at most `$m` positions are computed together,
/// and single blocks by at most `$w`. `$detect` is the standard library's macro for the architecture.
macro_rules! implement_bytes {
    (
        $(#[$doc:meta])*
        $token:ident, $sums:ty, $m:literal x $n:literal, $w:literal, $detect:ident, $($feature:tt),*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $token {
            _proof: (),
        }

        impl $token {
            /// The token, if the processor has the instructions.
            pub fn new() -> Option<Self> {
                #[cfg(feature = "std")]
                let available = $(std::arch::$detect!($feature))&&*;
                #[cfg(not(feature = "std"))]
                let available = cfg!(all($(target_feature = $feature),*));
                available.then_some(Self { _proof: () })
            }
        }

        impl $crate::generic::int8::OnSums for $token {
            type Sums = $sums;

            unsafe fn run<O: $crate::generic::int8::Output>(
                self,
                operands: &$crate::generic::int8::Operands<'_>,
                out: &mut [O],
            ) {
                #[target_feature($(enable = $feature),*)]
                fn run<O: $crate::generic::int8::Output>(
                    operands: &$crate::generic::int8::Operands<'_>,
                    out: &mut [O],
                ) {
                    // SAFETY: the caller has checked that all fits, and the instructions are enabled here.
                    unsafe { $crate::generic::int8::convolve::<$sums, O, $m, $n, $w>(operands, out) }
                }
                // SAFETY: the token proves the instructions.
                unsafe { run(operands, out) }
            }
        }
    };
}
