//! How an ISA module makes [`Kernels`](wta_core::Kernels) of the generic kernels: one definition for all ISAs.

/// Implements `Kernels` for the token `$token` with registers `$vector`, convolution tiles of `$tile` positions, and
/// products of 6 units by `$vectors` registers of images. `$features` is what the token's existence proves the processor to have.
macro_rules! implement_kernels {
    ($token:ident, $vector:ty, $tile:literal, $vectors:literal, $features:literal) => {
        impl $token {
            /// [`Kernels::unit_activations`](wta_core::Kernels::unit_activations), or `linear` without `RELU`; `false`
            /// where the lengths do not fit.
            fn unit_products<const RELU: bool>(
                self,
                weights: &[f32],
                bias: &[f32],
                prepared: &[f32],
                out: &mut [f32],
            ) -> bool {
                use $crate::generic::units::{Sizes, products};
                #[target_feature(enable = $features)]
                fn run<const RELU: bool>(
                    sizes: Sizes,
                    weights: &[f32],
                    bias: &[f32],
                    prepared: &[f32],
                    out: &mut [f32],
                ) {
                    // SAFETY: the caller has checked that all fits, and the instruction set is enabled here.
                    unsafe { products::<$vector, 6, $vectors, RELU>(sizes, weights, bias, prepared, out) }
                }
                let lanes = <$vector as Vector>::LANES;
                let Some(sizes) = Sizes::new(weights.len(), bias.len(), prepared.len(), out.len(), lanes)
                else {
                    return false;
                };
                // SAFETY: the token proves the instruction set.
                unsafe { run::<RELU>(sizes, weights, bias, prepared, out) }
                true
            }
        }

        impl wta_core::Kernels for $token {
            fn prepared_len(self, filters: usize, field_len: usize) -> usize {
                $crate::generic::convolve::prepared_len(filters, field_len, <$vector as Vector>::LANES)
            }

            fn prepare(self, weights: &[f32], field_len: usize, prepared: &mut [f32]) {
                $crate::generic::convolve::prepare(weights, field_len, <$vector as Vector>::LANES, prepared);
            }

            fn convolve(
                self,
                fields: &ReceptiveFields,
                filters: Filters<'_>,
                map: &[f32],
                output_layout: OutputLayout,
                out: &mut [f32],
            ) {
                #[target_feature(enable = $features)]
                fn run(
                    fields: &ReceptiveFields,
                    filters: Filters<'_>,
                    map: &[f32],
                    output_layout: OutputLayout,
                    out: &mut [f32],
                ) {
                    // SAFETY: `fits` was checked by the caller, and the instruction set is enabled here.
                    unsafe {
                        let Filters { prepared, bias, .. } = filters;
                        $crate::generic::convolve::convolve::<$vector, $tile>(
                            fields,
                            prepared,
                            bias,
                            map,
                            output_layout,
                            out,
                        );
                    }
                }
                let lanes = <$vector as Vector>::LANES;
                let (count, prepared) = (filters.bias.len(), filters.prepared.len());
                let fits = $crate::generic::convolve::fits;
                if !fits(fields, count, prepared, map.len(), output_layout, out.len(), lanes) {
                    return Scalar.convolve(fields, filters, map, output_layout, out);
                }
                // SAFETY: the token proves the instruction set.
                unsafe { run(fields, filters, map, output_layout, out) }
            }

            fn panel_maps(self) -> usize {
                <$vector as Vector>::LANES
            }

            fn tiling(self, fields: &ReceptiveFields, filters: usize) -> Option<Tiling> {
                let plan = $crate::generic::winograd::Plan::new(fields, filters, <$vector as Vector>::LANES)?;
                Some(plan.tiling())
            }

            fn prepare_tiles(self, fields: &ReceptiveFields, weights: &[f32], prepared: &mut [f32]) {
                use $crate::generic::winograd::{Plan, prepare};
                #[target_feature(enable = $features)]
                fn run(plan: &Plan, weights: &[f32], prepared: &mut [f32]) {
                    // SAFETY: the instruction set is enabled here.
                    unsafe { prepare::<$vector>(plan, weights, prepared) }
                }
                let filters = weights.len().checked_div(fields.len()).unwrap_or(0);
                let Some(plan) = Plan::for_panels(fields, filters, <$vector as Vector>::LANES) else {
                    return;
                };
                // SAFETY: the token proves the instruction set.
                unsafe { run(&plan, weights, prepared) }
            }

            fn convolve_tiles(
                self,
                fields: &ReceptiveFields,
                filters: Filters<'_>,
                map: &[f32],
                output_layout: OutputLayout,
                scratch: &mut [f32],
                out: &mut [f32],
            ) {
                use $crate::generic::winograd::{Layer, Plan, outputs_fit};
                #[target_feature(enable = $features)]
                fn convolve_tiles(
                    layer: &Layer<'_>,
                    output_layout: OutputLayout,
                    scratch: &mut [f32],
                    out: &mut [f32],
                ) {
                    // SAFETY: the caller has checked that all fits, and the instruction set is enabled here.
                    unsafe { layer.convolve::<$vector, $tile>(output_layout, scratch, out) }
                }
                let Filters { prepared, bias, .. } = filters;
                let plan = Plan::new(fields, bias.len(), <$vector as Vector>::LANES);
                let fits = |layer: &Layer<'_>| {
                    layer.fits(scratch.len()) && outputs_fit(fields, bias.len(), output_layout, out.len())
                };
                let layer = plan.as_ref().map(|plan| Layer { plan, fields, prepared, bias, map });
                let Some(layer) = layer.filter(fits) else {
                    return Scalar.convolve(fields, filters, map, output_layout, out);
                };
                // SAFETY: the token proves the instruction set.
                unsafe { convolve_tiles(&layer, output_layout, scratch, out) }
            }

            fn screen(
                self,
                fields: &ReceptiveFields,
                filters: Filters<'_>,
                map: &[f32],
                scratch: &mut [f32],
                screened: Screened<'_>,
            ) {
                use $crate::generic::winograd::{Layer, Plan};
                #[target_feature(enable = $features)]
                fn screen_tiles(layer: &Layer<'_>, scratch: &mut [f32], screened: Screened<'_>) {
                    let Screened { maxima, best, slack } = screened;
                    // SAFETY: the caller has checked that all fits, and the instruction set is enabled here.
                    unsafe { layer.screen::<$vector, $tile>(scratch, maxima, best, slack) }
                }
                let Filters { prepared, bias, .. } = filters;
                let plan = Plan::new(fields, bias.len(), <$vector as Vector>::LANES);
                let fits = |layer: &Layer<'_>| {
                    let tiles = layer.plan.tiling().tiles();
                    layer.fits(scratch.len())
                        && screened.maxima.len() == tiles.saturating_mul(bias.len())
                        && screened.best.len() == bias.len()
                        && screened.slack.len() == bias.len()
                };
                let layer = plan.as_ref().map(|plan| Layer { plan, fields, prepared, bias, map });
                let Some(layer) = layer.filter(fits) else {
                    return screened.slack.fill(f32::INFINITY);
                };
                // SAFETY: the token proves the instruction set.
                unsafe { screen_tiles(&layer, scratch, screened) }
            }

            fn activations(
                self,
                fields: &ReceptiveFields,
                positions: &[u32],
                map: &[f32],
                filter: &[f32],
                bias: f32,
                out: &mut [f32],
            ) {
                #[target_feature(enable = $features)]
                fn run(
                    fields: &ReceptiveFields,
                    positions: &[u32],
                    map: &[f32],
                    filter: &[f32],
                    bias: f32,
                    out: &mut [f32],
                ) {
                    // SAFETY: the caller has checked that all fits, and the instruction set is enabled here.
                    unsafe {
                        $crate::generic::field::activations::<$vector>(
                            fields, positions, map, filter, bias, out,
                        );
                    }
                }
                let fits = filter.len() == fields.len()
                    && out.len() == positions.len()
                    && $crate::generic::gradient::fits(fields, positions, 0, 0, map.len());
                if !fits {
                    return Scalar.activations(fields, positions, map, filter, bias, out);
                }
                // SAFETY: the token proves the instruction set.
                unsafe { run(fields, positions, map, filter, bias, out) }
            }

            fn field_dot(self, fields: &ReceptiveFields, at: usize, map: &[f32], filter: &[f32]) -> f32 {
                #[target_feature(enable = $features)]
                fn run(fields: &ReceptiveFields, at: usize, map: &[f32], filter: &[f32]) -> f32 {
                    // SAFETY: `fits` was checked by the caller, and the instruction set is enabled here.
                    unsafe { $crate::generic::field::dot::<$vector>(fields, at, map, filter) }
                }
                if !$crate::generic::field::fits(fields, at, map.len(), filter.len()) {
                    return Scalar.field_dot(fields, at, map, filter);
                }
                // SAFETY: the token proves the instruction set.
                unsafe { run(fields, at, map, filter) }
            }

            fn add_to_field(
                self,
                fields: &ReceptiveFields,
                at: usize,
                scale: f32,
                filter: &[f32],
                map: &mut [f32],
            ) {
                #[target_feature(enable = $features)]
                fn run(fields: &ReceptiveFields, at: usize, scale: f32, filter: &[f32], map: &mut [f32]) {
                    // SAFETY: `fits` was checked by the caller, and the instruction set is enabled here.
                    unsafe { $crate::generic::field::add_to_field::<$vector>(fields, at, scale, filter, map) }
                }
                if !$crate::generic::field::fits(fields, at, map.len(), filter.len()) {
                    return Scalar.add_to_field(fields, at, scale, filter, map);
                }
                // SAFETY: the token proves the instruction set.
                unsafe { run(fields, at, scale, filter, map) }
            }

            fn add_to_filter(
                self,
                fields: &ReceptiveFields,
                at: usize,
                scale: f32,
                map: &[f32],
                filter: &mut [f32],
            ) {
                #[target_feature(enable = $features)]
                fn run(fields: &ReceptiveFields, at: usize, scale: f32, map: &[f32], filter: &mut [f32]) {
                    // SAFETY: `fits` was checked by the caller, and the instruction set is enabled here.
                    unsafe {
                        $crate::generic::field::add_to_filter::<$vector>(fields, at, scale, map, filter)
                    }
                }
                if !$crate::generic::field::fits(fields, at, map.len(), filter.len()) {
                    return Scalar.add_to_filter(fields, at, scale, map, filter);
                }
                // SAFETY: the token proves the instruction set.
                unsafe { run(fields, at, scale, map, filter) }
            }

            fn filter_gradients(
                self,
                fields: &ReceptiveFields,
                positions: &[u32],
                deltas: &[f32],
                maps: usize,
                first: usize,
                map: &[f32],
                gradient: &mut [f32],
            ) {
                #[target_feature(enable = $features)]
                #[allow(clippy::too_many_arguments, reason = "a kernel's operands")]
                fn run(
                    fields: &ReceptiveFields,
                    positions: &[u32],
                    deltas: &[f32],
                    maps: usize,
                    first: usize,
                    map: &[f32],
                    gradient: &mut [f32],
                ) {
                    // SAFETY: `fits` was checked by the caller, and the instruction set is enabled here.
                    unsafe {
                        $crate::generic::gradient::filter_gradients::<$vector, $vectors>(
                            fields, positions, deltas, maps, first, map, gradient,
                        );
                    }
                }
                let whole = fields.len() > 0 && gradient.len() % fields.len() == 0;
                if !whole
                    || first.saturating_add(gradient.len() / fields.len()) > maps
                    || !$crate::generic::gradient::fits(fields, positions, deltas.len(), maps, map.len())
                {
                    return Scalar.filter_gradients(fields, positions, deltas, maps, first, map, gradient);
                }
                // SAFETY: the token proves the instruction set.
                unsafe { run(fields, positions, deltas, maps, first, map, gradient) }
            }

            fn backpropagate(
                self,
                fields: &ReceptiveFields,
                positions: &[u32],
                deltas: &[f32],
                weights: &[f32],
                below: &mut [f32],
            ) {
                #[target_feature(enable = $features)]
                fn run(
                    fields: &ReceptiveFields,
                    positions: &[u32],
                    deltas: &[f32],
                    maps: usize,
                    weights: &[f32],
                    below: &mut [f32],
                ) {
                    // SAFETY: `fits` was checked by the caller, and the instruction set is enabled here.
                    unsafe {
                        $crate::generic::gradient::backpropagate::<$vector, $vectors>(
                            fields, positions, deltas, maps, weights, below,
                        );
                    }
                }
                let maps = weights.len().checked_div(fields.len()).unwrap_or(0);
                if maps == 0
                    || !$crate::generic::gradient::fits(fields, positions, deltas.len(), maps, below.len())
                {
                    return Scalar.backpropagate(fields, positions, deltas, weights, below);
                }
                // SAFETY: the token proves the instruction set.
                unsafe { run(fields, positions, deltas, maps, weights, below) }
            }

            fn compete(self, activations: &[f32], first: u32, values: &mut [f32], positions: &mut [u32]) {
                #[target_feature(enable = $features)]
                fn run(activations: &[f32], first: u32, values: &mut [f32], positions: &mut [u32]) {
                    // SAFETY: the instruction set is enabled here.
                    unsafe {
                        $crate::generic::select::compete::<$vector>(activations, first, values, positions)
                    }
                }
                if values.len() != positions.len() {
                    return Scalar.compete(activations, first, values, positions);
                }
                // SAFETY: the token proves the instruction set.
                unsafe { run(activations, first, values, positions) }
            }

            fn lifetime_cuts(
                self,
                values: &[f32],
                width: usize,
                first: usize,
                keep: usize,
                cuts: &mut [Cut],
            ) -> Result<()> {
                #[target_feature(enable = $features)]
                fn run(
                    values: &[f32],
                    width: usize,
                    first: usize,
                    keep: usize,
                    cuts: &mut [Cut],
                ) -> Result<()> {
                    // SAFETY: the instruction set is enabled here.
                    unsafe {
                        $crate::generic::select::lifetime_cuts::<$vector>(values, width, first, keep, cuts)
                    }
                }
                // SAFETY: the token proves the instruction set.
                unsafe { run(values, width, first, keep, cuts) }
            }

            fn row_cut(self, values: &[f32], keep: usize) -> Result<Cut> {
                #[target_feature(enable = $features)]
                fn run(values: &[f32], keep: usize) -> Result<Cut> {
                    // SAFETY: the instruction set is enabled here.
                    unsafe { $crate::generic::select::row_cut::<$vector>(values, keep) }
                }
                // SAFETY: the token proves the instruction set.
                unsafe { run(values, keep) }
            }

            fn unit_activations(
                self,
                weights: &[f32],
                bias: &[f32],
                images: &[f32],
                prepared: &[f32],
                out: &mut [f32],
            ) {
                if !self.unit_products::<true>(weights, bias, prepared, out) {
                    Scalar.unit_activations(weights, bias, images, prepared, out);
                }
            }

            fn linear(
                self,
                weights: &[f32],
                bias: &[f32],
                images: &[f32],
                prepared: &[f32],
                out: &mut [f32],
            ) {
                if !self.unit_products::<false>(weights, bias, prepared, out) {
                    Scalar.linear(weights, bias, images, prepared, out);
                }
            }

            fn weighted_row_sum(
                self,
                scales: &[f32],
                rows: &[u32],
                matrix: &[f32],
                stride: usize,
                out: &mut [f32],
            ) {
                #[target_feature(enable = $features)]
                fn weighted_row_sum(
                    scales: &[f32],
                    rows: &[u32],
                    matrix: &[f32],
                    stride: usize,
                    out: &mut [f32],
                ) {
                    // SAFETY: the caller has checked that all fits, and the instruction set is enabled here.
                    unsafe {
                        $crate::generic::units::weighted_row_sum::<$vector>(scales, rows, matrix, stride, out)
                    }
                }
                if !$crate::generic::units::rows_fit(scales, rows, matrix.len(), stride, out.len()) {
                    return Scalar.weighted_row_sum(scales, rows, matrix, stride, out);
                }
                // SAFETY: the token proves the instruction set.
                unsafe { weighted_row_sum(scales, rows, matrix, stride, out) }
            }

            fn max(self, from: &[f32], to: &mut [f32]) {
                #[target_feature(enable = $features)]
                fn run(from: &[f32], to: &mut [f32]) {
                    // SAFETY: the instruction set is enabled here.
                    unsafe { $crate::generic::field::max::<$vector>(from, to) }
                }
                // SAFETY: the token proves the instruction set.
                unsafe { run(from, to) }
            }

            fn sgd(self, update: &SgdUpdate, gradient: &[f32], velocity: &mut [f32], weights: &mut [f32]) {
                #[target_feature(enable = $features)]
                fn run(update: &SgdUpdate, gradient: &[f32], velocity: &mut [f32], weights: &mut [f32]) {
                    // SAFETY: the instruction set is enabled here.
                    unsafe { $crate::generic::optimizer::sgd::<$vector>(update, gradient, velocity, weights) }
                }
                // SAFETY: the token proves the instruction set.
                unsafe { run(update, gradient, velocity, weights) }
            }

            fn adam(
                self,
                update: &AdamUpdate,
                gradient: &[f32],
                first: &mut [f32],
                second: &mut [f32],
                weights: &mut [f32],
            ) {
                #[target_feature(enable = $features)]
                fn run(
                    update: &AdamUpdate,
                    gradient: &[f32],
                    first: &mut [f32],
                    second: &mut [f32],
                    weights: &mut [f32],
                ) {
                    // SAFETY: the instruction set is enabled here.
                    unsafe {
                        $crate::generic::optimizer::adam::<$vector>(update, gradient, first, second, weights);
                    }
                }
                // SAFETY: the token proves the instruction set.
                unsafe { run(update, gradient, first, second, weights) }
            }
        }
    };
}
