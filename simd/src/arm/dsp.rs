//! Quantised inference with the DSP instructions of the Cortex-M4, M7 and M33, two 16-bit multiplications at
//! a time.
//!
//! `SMLAD` adds two products to a sum. It takes pairs of neighbouring inputs, which is how the windows hold
//! them, and pairs of neighbouring weights, which `SXTB16` makes from packed ones. The loops compute two
//! positions and two filters at once: an input or weight that has been loaded is used twice.
//!
//! Sums are exact, so that nothing depends on their order.

use core::arch::asm;

use wta_core::int8::{Int8Filters, Int8Kernels, Int8Weights, Portable, requantise};
use wta_core::{ReceptiveFields, pieces, pieces_mut};

/// What tells the assembler that the processor has the instructions: on ARMv8-M they are an option, which
/// the compiler's stable features do not know.
#[cfg(wta_dsp_option)]
macro_rules! processor {
    () => {
        ".cpu cortex-m33"
    };
}

/// On ARMv7E-M it knows.
#[cfg(not(wta_dsp_option))]
macro_rules! processor {
    () => {
        ""
    };
}

/// Quantised kernels in DSP instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dsp;

/// Inputs and weights that the loops take at a time.
const GROUP: usize = 4;

/// Positions in a row from which on it pays to widen the weights of two filters for the whole row.
const WIDE: usize = 4;

impl Int8Kernels for Dsp {
    /// Two filters in 16 bits, or two receptive fields.
    const SCRATCH_FILTERS: usize = crate::scratch::DSP_SCRATCH_FILTERS;

    fn convolve(
        self,
        fields: &ReceptiveFields,
        filters: &Int8Filters<'_>,
        window: &mut [i16],
        scratch: &mut [i16],
        out: &mut [i16],
    ) {
        let padded = fields.len().saturating_add(GROUP - 1) / GROUP * GROUP;
        let scratch = scratch.get_mut(..padded.saturating_mul(2)).unwrap_or_default();
        if fields.len() != filters.weights.filter_len() || scratch.is_empty() || !is_aligned(scratch) {
            return Portable.convolve(fields, filters, window, scratch, out);
        }
        let in_groups =
            fields.row_len % GROUP == 0 && fields.row_stride % 2 == 0 && fields.step_right % 2 == 0;
        if in_groups && is_aligned(window) && fields.width >= WIDE {
            in_place(fields, filters, window, scratch, out);
        } else {
            gathered(fields, filters, window, scratch, out);
        }
    }

    fn accumulate(self, filters: &Int8Weights<'_>, inputs: &[i16], sums: &mut [i32]) {
        let inputs = inputs.get(..filters.filter_len()).unwrap_or(inputs);
        if !is_aligned(inputs) {
            return Portable.accumulate(filters, inputs, sums);
        }
        let whole = inputs.len() / GROUP * GROUP;
        let (inputs, rest) = inputs.split_at_checked(whole).unwrap_or_default();
        let mut last = Words([0; GROUP]);
        last.0.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        for (pair, sums) in filters.pairs().zip(pieces_mut(sums, 2)) {
            let (pair, last_weights) = pair.split_at_checked(2 * whole).unwrap_or_default();
            let mut both = [0, 0];
            sums.iter().zip(&mut both).for_each(|(from, to)| *to = *from);
            let both = dot(inputs, pair, both);
            let both = dot(&last.0, last_weights, both);
            sums.iter_mut().zip(both).for_each(|(to, from)| *to = from);
        }
    }

    fn max(self, from: &[i16], to: &mut [i16]) {
        let pairs = from.len().min(to.len()) / 2;
        if pairs > 0 {
            // SAFETY: the loop reads `pairs` words, 2 x `pairs` numbers, from the start of `from` and of
            // `to`, and writes those of `to`. Both have as many, `to` is borrowed mutably, and `pairs` is not
            // 0. LDR and STR take any address.
            unsafe {
                asm!(
                processor!(),
                    "2:",
                    "ldr {a}, [{from}], #4",
                    "ldr {b}, [{to}]",
                    "ssub16 {difference}, {a}, {b}",
                    "sel {a}, {a}, {b}",
                    "str {a}, [{to}], #4",
                    "subs {pairs}, {pairs}, #1",
                    "bne 2b",
                    from = inout(reg) from.as_ptr() => _,
                    to = inout(reg) to.as_mut_ptr() => _,
                    pairs = inout(reg) pairs => _,
                    a = out(reg) _,
                    b = out(reg) _,
                    difference = out(reg) _,
                    options(nostack),
                );
            }
        }
        let rest = 2 * pairs..;
        if let (Some(from), Some(to)) = (from.get(rest.clone()), to.get_mut(rest)) {
            Portable.max(from, to);
        }
    }
}

/// Numbers whose first one has the address of a word.
#[repr(align(4))]
struct Words([i16; GROUP]);

fn is_aligned(numbers: &[i16]) -> bool {
    numbers.as_ptr().addr() % 4 == 0
}

/// [`Int8Kernels::convolve`] with the fields where they are: their rows are whole groups, and all begin at
/// the address of a word.
fn in_place(
    fields: &ReceptiveFields,
    filters: &Int8Filters<'_>,
    window: &[i16],
    scratch: &mut [i16],
    out: &mut [i16],
) {
    let (Some(last), Some(gap)) =
        (fields.width.checked_sub(2), fields.row_stride.checked_sub(fields.row_len))
    else {
        return;
    };
    let rows = Rows { rows: fields.rows, groups: fields.row_len / GROUP, gap };
    let reach = fields.offset(0, fields.width - 1).saturating_add(fields.extent());
    let reaches = window.len() >= reach && scratch.len() >= fields.len().saturating_mul(2);
    if !reaches || rows.rows == 0 || rows.groups == 0 || !Outputs::fit(fields, filters, out) {
        return;
    }
    for (index, pair) in filters.weights.pairs().enumerate() {
        widen(pair, scratch);
        let outputs = Outputs::new(filters, index);
        let mut x = 0;
        while x < fields.width {
            // Of an odd number of positions, the last but one is computed twice.
            let left = x.min(last);
            // SAFETY: `left` and `left + 1` are positions. The last one's field ends at `reach`, within the
            // window, and the others' before it; `scratch` holds the pair's weights. There is a row and a
            // group. The caller has seen that the window and `scratch` are aligned to words, and that the
            // steps from field to field and from row to row are whole words. `out` has a place for each
            // position and filter.
            unsafe {
                let first = window.as_ptr().add(left * fields.step_right);
                let second = first.add(fields.step_right);
                let sums = dots_wide(rows, first, second, scratch.as_ptr(), outputs.bias);
                outputs.write(sums, out.as_mut_ptr().add(left * outputs.maps));
            }
            x += 2;
        }
    }
}

/// [`Int8Kernels::convolve`] with the fields of two positions copied into `scratch`.
fn gathered(
    fields: &ReceptiveFields,
    filters: &Int8Filters<'_>,
    window: &[i16],
    scratch: &mut [i16],
    out: &mut [i16],
) {
    let (first, second) = scratch.split_at_mut_checked(scratch.len() / 2).unwrap_or_default();
    first.fill(0);
    second.fill(0);
    let groups = first.len() / GROUP;
    let Some(last) = fields.width.checked_sub(2) else {
        return single(fields, filters, window, first, out);
    };
    if groups == 0 || !Outputs::fit(fields, filters, out) {
        return;
    }
    let mut x = 0;
    while x < fields.width {
        // Of an odd number of positions, the last but one is computed twice.
        let left = x.min(last);
        gather(fields, left, window, first);
        gather(fields, left + 1, window, second);
        for (index, pair) in filters.weights.pairs().enumerate() {
            if pair.len() < 2 * GROUP * groups {
                return;
            }
            let outputs = Outputs::new(filters, index);
            // SAFETY: both fields have so many groups, which is not 0, and the pair twice as many. The caller
            // has seen that `scratch` is aligned to words, and the second field begins after a number of
            // whole groups. `left` and `left + 1` are positions, and `out` has a place for each position and
            // filter.
            unsafe {
                let sums = dots(groups, first.as_ptr(), second.as_ptr(), pair.as_ptr(), outputs.bias);
                outputs.write(sums, out.as_mut_ptr().add(left * outputs.maps));
            }
        }
        x += 2;
    }
}

/// [`Int8Kernels::convolve`] for a row of one position: a fully-connected layer.
fn single(
    fields: &ReceptiveFields,
    filters: &Int8Filters<'_>,
    window: &[i16],
    scratch: &mut [i16],
    out: &mut [i16],
) {
    gather(fields, 0, window, scratch);
    for ((index, pair), out) in filters.weights.pairs().enumerate().zip(pieces_mut(out, 2)) {
        let outputs = Outputs::new(filters, index);
        let sums = dot(scratch, pair, outputs.bias);
        for (out, (sum, multiplier)) in out.iter_mut().zip(sums.into_iter().zip(outputs.multipliers)) {
            *out = requantise(sum, multiplier);
        }
    }
}

/// Copies the field of position `x`.
fn gather(fields: &ReceptiveFields, x: usize, window: &[i16], to: &mut [i16]) {
    let rows = pieces(window.get(fields.offset(0, x)..).unwrap_or_default(), fields.row_stride);
    for (to, row) in pieces_mut(to, fields.row_len).zip(rows).take(fields.rows) {
        copy(row, to);
    }
}

/// Copies a few numbers, as many as both have: the compiler would call a function, which takes longer.
fn copy(from: &[i16], to: &mut [i16]) {
    let len = from.len().min(to.len());
    // SAFETY: the loop reads `len` / 2 words of `from` and writes them to `to`, which is borrowed mutably; if
    // `len` is odd, one number more. LDR and STR take any address.
    unsafe {
        asm!(
            "lsrs {pairs}, {len}, #1",
            "beq 3f",
            "2:",
            "ldr {word}, [{from}], #4",
            "subs {pairs}, {pairs}, #1",
            "str {word}, [{to}], #4",
            "bne 2b",
            "3:",
            "tst {len}, #1",
            "itt ne",
            "ldrhne {word}, [{from}]",
            "strhne {word}, [{to}]",
            from = inout(reg) from.as_ptr() => _,
            to = inout(reg) to.as_mut_ptr() => _,
            len = in(reg) len,
            pairs = out(reg) _,
            word = out(reg) _,
            options(nostack),
        );
    }
}

/// What becomes of the sums of a pair of filters.
struct Outputs {
    /// The number of the first filter.
    filter: usize,
    maps: usize,
    bias: [i32; 2],
    multipliers: [i32; 2],
}

impl Outputs {
    fn new(filters: &Int8Filters<'_>, pair: usize) -> Self {
        let filter = 2 * pair;
        let of = |values: &[i32], index: usize| values.get(index).copied().unwrap_or(0);
        let both = |values| [of(values, filter), of(values, filter + 1)];
        let maps = filters.weights.filters();
        Self { filter, maps, bias: both(filters.bias), multipliers: both(filters.multipliers) }
    }

    /// Whether a row has outputs, and they fit: there are then no more positions than places.
    fn fit(fields: &ReceptiveFields, filters: &Int8Filters<'_>, out: &[i16]) -> bool {
        let maps = filters.weights.filters();
        maps > 0 && fields.width.saturating_mul(maps) <= out.len()
    }

    /// Writes the activations of two neighbouring positions.
    ///
    /// # Safety
    ///
    /// From `to` on, there is a place for each filter of both positions.
    #[inline(always)]
    unsafe fn write(&self, sums: [i32; 4], to: *mut i16) {
        let ([a, b, c, d], [first, second]) = (sums, self.multipliers);
        // SAFETY: the pair's first filter is one of `maps`, and the second one is written where it is one,
        // too.
        unsafe {
            let to = to.add(self.filter);
            *to = requantise(a, first);
            *to.add(self.maps) = requantise(c, first);
            if self.filter + 1 < self.maps {
                *to.add(1) = requantise(b, second);
                *to.add(self.maps + 1) = requantise(d, second);
            }
        }
    }
}

/// Packed weights in 16 bits: groups of the one filter and of the other in turn.
fn widen(pair: &[i8], wide: &mut [i16]) {
    let groups = pair.len().min(wide.len()) / (2 * GROUP);
    if groups == 0 || !is_aligned(wide) {
        return;
    }
    // SAFETY: the loop reads `groups` times two words, 8 x `groups` bytes, of `pair`, and writes twice as
    // many words, 8 x `groups` numbers, to `wide`. Both have as many, and `groups` is not 0. `wide` is
    // borrowed mutably and aligned to words, as STM wants it. LDR takes any address.
    unsafe {
        asm!(
                processor!(),
            "2:",
            "ldr r3, [{from}], #4",
            "ldr r5, [{from}], #4",
            "sxtb16 r2, r3",
            "sxtb16 r3, r3, ror #8",
            "sxtb16 r4, r5",
            "sxtb16 r5, r5, ror #8",
            "stm {to}!, {{r2, r3, r4, r5}}",
            "subs {groups}, {groups}, #1",
            "bne 2b",
            from = inout(reg) pair.as_ptr() => _,
            to = inout(reg) wide.as_mut_ptr() => _,
            groups = inout(reg) groups => _,
            out("r2") _,
            out("r3") _,
            out("r4") _,
            out("r5") _,
            options(nostack),
        );
    }
}

/// The products of a group: weights of the one filter in r2 and r3, of the other in r4 and r5; inputs from r0
/// and r1 on; sums in r8 to r11.
macro_rules! products {
    () => {
        "ldrd r6, r7, [r0], #8
        smlad r8, r6, r2, r8
        smlad r9, r6, r4, r9
        smlad r8, r7, r3, r8
        smlad r9, r7, r5, r9
        ldrd r6, r7, [r1], #8
        smlad r10, r6, r2, r10
        smlad r11, r6, r4, r11
        smlad r10, r7, r3, r10
        smlad r11, r7, r5, r11"
    };
}

/// Loads a group of wide weights.
macro_rules! load_wide {
    () => {
        "ldm r12!, {{r2, r3, r4, r5}}"
    };
}

/// Loads a group of packed weights and widens them.
macro_rules! load_packed {
    () => {
        "ldr r2, [r12], #4
        ldr r4, [r12], #4
        sxtb16 r3, r2, ror #8
        sxtb16 r2, r2
        sxtb16 r5, r4, ror #8
        sxtb16 r4, r4"
    };
}

/// The rows of a field that lie in a window.
#[derive(Clone, Copy)]
struct Rows {
    rows: usize,
    /// Groups in a row.
    groups: usize,
    /// Numbers between the end of a row and the beginning of the next; of a single row, any.
    gap: usize,
}

/// The biases and the products of two fields with a pair of filters, whose weights are [wide](widen). The
/// first field comes first, with the first and the second filter; then the second field.
///
/// # Safety
///
/// There is a row and a group in it; all rows of both fields can be read, and as many groups of both filters.
/// Fields, rows and weights begin at addresses of words.
#[inline(always)]
unsafe fn dots_wide(
    rows: Rows,
    first: *const i16,
    second: *const i16,
    wide: *const i16,
    bias: [i32; 2],
) -> [i32; 4] {
    let [mut a, mut b] = bias;
    let [mut c, mut d] = bias;
    // SAFETY: what is read is what the caller has promised; LDRD and LDM want the addresses of words. r6 and
    // r7, which asm! does not give away, are restored, and so is the stack.
    unsafe {
        asm!(
                processor!(),
            "push {{r6, r7}}",
            "push {{r2, r3, r4}}",
            // A row of the fields.
            "2:",
            "ldr lr, [sp, #4]",
            "subs lr, lr, #4",
            "blo 4f",
            "3:",
            load_wide!(),
            products!(),
            load_wide!(),
            products!(),
            load_wide!(),
            products!(),
            load_wide!(),
            products!(),
            "subs lr, lr, #4",
            "bhs 3b",
            "4:",
            "adds lr, lr, #4",
            "beq 6f",
            "5:",
            load_wide!(),
            products!(),
            "subs lr, lr, #1",
            "bne 5b",
            "6:",
            "ldr lr, [sp, #8]",
            "add r0, r0, lr",
            "add r1, r1, lr",
            "ldr lr, [sp]",
            "subs lr, lr, #1",
            "str lr, [sp]",
            "bne 2b",
            "add sp, sp, #12",
            "pop {{r6, r7}}",
            inout("r0") first => _,
            inout("r1") second => _,
            inout("r2") rows.rows => _,
            inout("r3") rows.groups => _,
            inout("r4") rows.gap.wrapping_mul(2) => _,
            out("r5") _,
            inout("r8") a,
            inout("r9") b,
            inout("r10") c,
            inout("r11") d,
            inout("r12") wide => _,
            out("r14") _,
        );
    }
    [a, b, c, d]
}

/// [`dots_wide`] of contiguous fields and packed weights.
///
/// # Safety
///
/// There is a group; so many groups of both fields and of both filters can be read. The fields begin at
/// addresses of words.
#[inline(always)]
unsafe fn dots(
    groups: usize,
    first: *const i16,
    second: *const i16,
    pair: *const i8,
    bias: [i32; 2],
) -> [i32; 4] {
    let [mut a, mut b] = bias;
    let [mut c, mut d] = bias;
    // SAFETY: what is read is what the caller has promised; LDRD wants the addresses of words, LDR takes any.
    // r6 and r7, which asm! does not give away, are restored, and so is the stack.
    unsafe {
        asm!(
                processor!(),
            "push {{r6, r7}}",
            "subs lr, lr, #4",
            "blo 4f",
            "3:",
            load_packed!(),
            products!(),
            load_packed!(),
            products!(),
            load_packed!(),
            products!(),
            load_packed!(),
            products!(),
            "subs lr, lr, #4",
            "bhs 3b",
            "4:",
            "adds lr, lr, #4",
            "beq 6f",
            "5:",
            load_packed!(),
            products!(),
            "subs lr, lr, #1",
            "bne 5b",
            "6:",
            "pop {{r6, r7}}",
            inout("r0") first => _,
            inout("r1") second => _,
            out("r2") _,
            out("r3") _,
            out("r4") _,
            out("r5") _,
            inout("r8") a,
            inout("r9") b,
            inout("r10") c,
            inout("r11") d,
            inout("r12") pair => _,
            inout("r14") groups => _,
        );
    }
    [a, b, c, d]
}

/// `sums` and the products of one contiguous field with a pair of filters.
fn dot(inputs: &[i16], pair: &[i8], sums: [i32; 2]) -> [i32; 2] {
    let groups = inputs.len().min(pair.len() / 2) / GROUP;
    if groups == 0 || !is_aligned(inputs) {
        return sums;
    }
    let [mut a, mut b] = sums;
    // SAFETY: the loop reads 4 x `groups` numbers of `inputs` and 8 x `groups` bytes of `pair`, which have as
    // many; `groups` is not 0. The inputs are aligned to words and stay so, as LDRD wants it; LDR takes any
    // address.
    unsafe {
        asm!(
                processor!(),
            "2:",
            "ldrd {x}, {y}, [{inputs}], #8",
            "ldr {weights}, [{pair}], #4",
            "sxtb16 {wide}, {weights}",
            "smlad {a}, {x}, {wide}, {a}",
            "sxtb16 {wide}, {weights}, ror #8",
            "smlad {a}, {y}, {wide}, {a}",
            "ldr {weights}, [{pair}], #4",
            "sxtb16 {wide}, {weights}",
            "smlad {b}, {x}, {wide}, {b}",
            "sxtb16 {wide}, {weights}, ror #8",
            "smlad {b}, {y}, {wide}, {b}",
            "subs {groups}, {groups}, #1",
            "bne 2b",
            inputs = inout(reg) inputs.as_ptr() => _,
            pair = inout(reg) pair.as_ptr() => _,
            groups = inout(reg) groups => _,
            a = inout(reg) a,
            b = inout(reg) b,
            x = out(reg) _,
            y = out(reg) _,
            weights = out(reg) _,
            wide = out(reg) _,
            options(nostack, readonly),
        );
    }
    [a, b]
}
