//! Refusals in the log of a device.

/// A result as it is. With the feature `defmt`, an error is logged as its sentence: once, by the public
/// function that found it and not by those that hand it on.
///
/// A macro, because without the feature there is to be nothing, not even a move of the result.
macro_rules! logged {
    ($result:expr) => {{
        #[cfg(feature = "defmt")]
        {
            let result = $result;
            if let Err(error) = &result {
                defmt::warn!("{}", error);
            }
            result
        }
        #[cfg(not(feature = "defmt"))]
        {
            $result
        }
    }};
}

pub(crate) use logged;
