//! What each program takes of flash, RAM and stack, against what `tests/firmware/memory.toml` records.

use std::collections::BTreeMap;
use std::path::Path;

use object::{Object as _, ObjectSection as _, SectionFlags, elf};
use wta_tests::announce;

/// What a number may differ from its record, in per cent. One that shrinks by more should have its record lowered, so
/// that the next growth is seen.
const TOLERANCE: u64 = 3;

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    /// Code, constants, and the initial values of variables.
    flash: u64,
    /// Variables: `.data` and `.bss`.
    ram: u64,
    /// The most that was on the stack.
    stack: u64,
}

/// Asserts that a program takes what is recorded for it.
#[track_caller]
pub(crate) fn check(name: &str, program: &Path, stack: u64, comparable: bool) {
    let found = sizes(program, stack);
    if !comparable {
        announce(&format!("SKIPPED: {name}: sizes are recorded for Debian's compiler; this one: {found:?}"));
        return;
    }
    let records: BTreeMap<String, Memory> =
        toml::from_str(include_str!("../../firmware/memory.toml")).unwrap();
    let Some(record) = records.get(name) else {
        panic!("tests/firmware/memory.toml has no record of {name}; now: {found:?}");
    };
    let complaints = complaints(name, found, *record);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// A sentence for each number that is too far from its record.
fn complaints(name: &str, found: Memory, record: Memory) -> Vec<String> {
    let numbers = [
        ("flash", found.flash, record.flash),
        ("RAM", found.ram, record.ram),
        ("stack", found.stack, record.stack),
    ];
    let differs = |found: u64, record: u64| found.abs_diff(record) * 100 > record * TOLERANCE;
    let wrong = numbers.into_iter().filter(|(_, found, record)| differs(*found, *record));
    wrong
        .map(|(what, found, record)| {
            let (verb, advice) =
                if found > record { ("grew", "find out why") } else { ("shrank", "lower the record") };
            format!(
                "{name}: {what} {verb} by more than {TOLERANCE}% from {record} to {found} bytes: {advice} \
                 (tests/firmware/memory.toml)"
            )
        })
        .collect()
}

/// The sizes of a program's sections; the stack's depth is measured.
fn sizes(program: &Path, stack: u64) -> Memory {
    let bytes = std::fs::read(program).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let mut found = Memory { flash: 0, ram: 0, stack };
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags } = section.flags() else { panic!("not an ELF file") };
        if sh_flags & u64::from(elf::SHF_ALLOC) == 0 {
            continue;
        }
        if section.kind() != object::SectionKind::UninitializedData {
            found.flash += section.size();
        }
        if sh_flags & u64::from(elf::SHF_WRITE) != 0 {
            found.ram += section.size();
        }
    }
    found
}

#[test]
fn growth_and_shrinkage_are_told() {
    let record = Memory { flash: 1000, ram: 100, stack: 200 };
    assert!(complaints("p", Memory { flash: 1030, ram: 97, stack: 200 }, record).is_empty());
    let found = complaints("p", Memory { flash: 1031, ram: 96, stack: 207 }, record);
    assert_eq!(found.len(), 3);
    assert!(found[0].starts_with("p: flash grew by more than 3% from 1000 to 1031 bytes"), "{found:?}");
    assert!(found[1].contains("RAM shrank") && found[1].contains("lower the record"), "{found:?}");
}
