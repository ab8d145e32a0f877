//! Weights in the form that an instruction set wants them.

use wta_core::{Encoder, Kernels, Parameters};
use wta_simd::Isa;

use crate::error::Result;
use crate::memory::aligned::Aligned;

/// The prepared weights of an encoder, or of an RBM's hidden units.
///
/// # Errors
///
/// [`Error::Core`](crate::Error::Core) if the core refuses the network.
pub(super) fn prepared(isa: Isa, parameters: Parameters<'_>, is_rbm: bool) -> Result<Aligned> {
    let network = parameters.network();
    if is_rbm {
        let (units, inputs) = (network.code().channels, network.input().len());
        let mut prepared = Aligned::zeros(isa.prepared_len(units, inputs));
        isa.prepare(parameters.filters(0).weights, inputs, &mut prepared);
        return Ok(prepared);
    }
    let mut prepared = Aligned::zeros(Encoder::prepared_len(isa, &network));
    Encoder::new(isa, parameters, &mut prepared)?;
    Ok(prepared)
}
