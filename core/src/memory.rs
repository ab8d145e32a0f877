//! Parts of borrowed memory, without a panic where one does not fit.

use crate::runs::runs;

/// `values[start..start + len]`. The callers' lengths are checked where their buffers come in, so the empty
/// slice is never met. It stands where indexing would link a panic into firmware.
pub(crate) fn part<T>(values: &[T], start: usize, len: usize) -> &[T] {
    // An end that wraps around lies before the start, so it finds nothing either.
    values.get(start..start.wrapping_add(len)).unwrap_or(&[])
}

/// [`part`], to write to.
pub(crate) fn part_mut<T>(values: &mut [T], start: usize, len: usize) -> &mut [T] {
    values.get_mut(start..start.wrapping_add(len)).unwrap_or(&mut [])
}

/// Takes `len` elements off the front of `rest`; nothing where there are fewer.
pub(crate) fn split_off<'a, T>(rest: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    let (taken, more) = core::mem::take(rest).split_at_mut_checked(len).unwrap_or_default();
    *rest = more;
    taken
}

/// `numerator / denominator`, 0 where the denominator is. It stands where `/` would link a panic into
/// firmware: at `opt-level` `s` and `z` the compiler does not carry what it knows of a number into other
/// functions.
pub(crate) const fn quotient(numerator: usize, denominator: usize) -> usize {
    match numerator.checked_div(denominator) {
        Some(quotient) => quotient,
        None => 0,
    }
}

/// Copies as many elements as both slices have.
pub(crate) fn copy<T: Copy>(from: &[T], to: &mut [T]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

/// Moves the elements from number `start` on to the front, and leaves what is behind them.
pub(crate) fn move_to_front<T: Copy>(values: &mut [T], start: usize) {
    let mut rest = values;
    while start > 0
        && let Some((to, from)) = rest.split_at_mut_checked(start)
    {
        copy(from, to);
        rest = from;
    }
}

/// Rows of `len` of two matrices, side by side.
pub(crate) fn paired_rows<'a, A, B>(
    len: usize,
    a: &'a [A],
    b: &'a [B],
) -> impl Iterator<Item = (&'a [A], &'a [B])> + use<'a, A, B> {
    runs(a, len).zip(runs(b, len))
}

/// Declares the parts of scratch memory, each with its length, as a struct. Its `len` is the length of all
/// parts; its `split` hands them out, and the memory that is left after them. So the two cannot disagree.
macro_rules! parts {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident of $number:ty, for ($($argument:ident: $type:ty),*) {
            $($(#[$part_meta:meta])* $part:ident: $len:expr,)*
        }
    ) => {
        $(#[$meta])*
        $visibility struct $name<'m> {
            $($(#[$part_meta])* $visibility $part: &'m mut [$number],)*
        }

        impl<'m> $name<'m> {
            /// The length of all parts; beyond all memory, it saturates.
            $visibility const fn len($($argument: $type),*) -> usize {
                0usize $(.saturating_add($len))*
            }

            /// The parts of `memory`, and the rest of it. Inlined: the parts need not lie on the stack twice.
            #[inline(always)]
            $visibility fn split(memory: &'m mut [$number], $($argument: $type),*) -> (Self, &'m mut [$number]) {
                let mut rest = memory;
                let parts = Self { $($part: $crate::memory::split_off(&mut rest, $len),)* };
                (parts, rest)
            }
        }
    };
}
pub(crate) use parts;
