//! Loops in the assembly that the compiler writes for aarch64.

use std::collections::HashMap;

/// An innermost loop: the instructions from its label to the branch back to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop<'a> {
    /// One line each, without comments or directives.
    pub instructions: Vec<&'a str>,
}

impl Loop<'_> {
    /// How many of its instructions are called `mnemonic`.
    pub fn count(&self, mnemonic: &str) -> usize {
        self.instructions.iter().filter(|instruction| self::mnemonic(instruction) == mnemonic).count()
    }
}

/// The innermost loops of all functions whose symbols contain `name`.
pub fn innermost_loops<'a>(assembly: &'a str, name: &str) -> Vec<Loop<'a>> {
    let mut loops = Vec::new();
    let mut body = Vec::new();
    let mut wanted = false;
    for line in assembly.lines() {
        if let Some(symbol) = label(line)
            && !symbol.starts_with(".L")
        {
            loops.append(&mut innermost(&body));
            body.clear();
            wanted = symbol.contains(name);
        } else if wanted {
            body.push(line);
        }
    }
    loops.append(&mut innermost(&body));
    loops
}

/// The innermost loops among the lines of a function.
fn innermost<'a>(lines: &[&'a str]) -> Vec<Loop<'a>> {
    let mut labels = HashMap::new();
    let mut instructions = Vec::new();
    let mut loops: Vec<(usize, usize)> = Vec::new();
    for line in lines {
        if let Some(label) = label(line) {
            labels.insert(label, instructions.len());
            continue;
        }
        let instruction = line.split("//").next().unwrap_or_default().trim();
        if instruction.is_empty() || instruction.starts_with('.') {
            continue;
        }
        // Only labels above are known yet: what finds one is a branch back.
        if let Some(start) = target(instruction).and_then(|target| labels.get(target)) {
            // Loops end in order, so that one that contains another comes after it.
            if loops.iter().all(|(other, _)| other < start) {
                loops.push((*start, instructions.len()));
            }
        }
        instructions.push(instruction);
    }
    let instructions = |(start, end): (usize, usize)| instructions[start..=end].to_vec();
    loops.into_iter().map(|range| Loop { instructions: instructions(range) }).collect()
}

fn label(line: &str) -> Option<&str> {
    let label = line.split("//").next().unwrap_or_default().trim_end().strip_suffix(':')?;
    (!label.contains(char::is_whitespace)).then_some(label)
}

fn mnemonic(instruction: &str) -> &str {
    instruction.split_whitespace().next().unwrap_or_default()
}

/// Where a branch inside a function goes.
fn target(instruction: &str) -> Option<&str> {
    let mnemonic = mnemonic(instruction);
    let branches = ["b", "cbz", "cbnz", "tbz", "tbnz"];
    let branch = branches.contains(&mnemonic) || mnemonic.starts_with("b.");
    if branch { instruction.split_whitespace().last() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSEMBLY: &str = "
        .globl wanted_one
wanted_one:
        .cfi_startproc
.LBB0_1:                                // =>This Loop Header: Depth=1
        mov     x1, #0
        cbz     x0, .LBB0_3
.LBB0_2:
        fmla    v0.4s, v1.4s, v2.s[0]
        ldr     q1, [x2], #16           // a comment
.Ltmp7:
        fmla    v0.4s, v1.4s, v2.s[0]
        b.ne    .LBB0_2
        cbnz    x3, .LBB0_1
.LBB0_3:
        ret
.LBB0_4:
        tbnz    w4, #0, .LBB0_4
other:
.LBB1_1:
        b       .LBB1_1
another_wanted_one:
.LBB2_1:
        b       .LBB2_1
";

    #[test]
    fn innermost_loops_of_the_wanted_functions_are_found() {
        let loops = innermost_loops(ASSEMBLY, "wanted");
        let lengths: Vec<_> = loops.iter().map(|found| found.instructions.len()).collect();
        assert_eq!(lengths, [4, 1, 1]);
        assert_eq!(loops[0].count("fmla"), 2);
        assert_eq!(loops[0].instructions[1], "ldr     q1, [x2], #16");
        assert_eq!(loops[1].instructions, ["tbnz    w4, #0, .LBB0_4"]);
    }
}
