//! What each program takes of flash, RAM, stack and time, against what `std-host/src/plan/costs.toml`
//! records.

use std::env;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use object::{Object as _, ObjectSection as _, SectionFlags, SectionKind, elf};
pub(crate) use wta::plan::boards::Measured as Costs;
use wta::plan::boards::measured;
use wta_tests::announce;

/// What a number may differ from its record, in per cent. One that shrinks by more should have its record
/// lowered, so that the next growth is seen.
const TOLERANCE: u64 = 3;

/// The costs of a program: the sizes of its sections, and what it has measured.
pub(crate) fn of(program: &Path, stack: u64, instructions: Vec<u64>) -> Costs {
    let bytes = std::fs::read(program).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let mut costs = Costs { flash: 0, ram: 0, stack, instructions };
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags } = section.flags() else { panic!("not an ELF file") };
        if sh_flags & u64::from(elf::SHF_ALLOC) == 0 {
            continue;
        }
        if section.kind() != SectionKind::UninitializedData {
            costs.flash += section.size();
        }
        if sh_flags & u64::from(elf::SHF_WRITE) != 0 {
            costs.ram += section.size();
        }
    }
    costs
}

/// Asserts that a program takes what is recorded for it.
#[track_caller]
pub(crate) fn check(name: &str, found: &Costs, comparable: bool) {
    if !comparable {
        announce(&format!("SKIPPED: {name}: costs are recorded for Debian's compiler; this one: {found:?}"));
        return;
    }
    if let Some(file) = env::var_os("WTA_RECORD_COSTS") {
        // For whoever renews the records: a line for costs.toml.
        let Costs { flash, ram, stack, instructions } = found;
        let counted = if instructions.is_empty() {
            String::new()
        } else {
            format!(", instructions = {instructions:?}")
        };
        let line = format!("{name} = {{ flash = {flash}, ram = {ram}, stack = {stack}{counted} }}\n");
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
    let records = measured().unwrap();
    let Some(record) = records.get(name) else {
        panic!("std-host/src/plan/costs.toml has no record of {name}; now: {found:?}");
    };
    let complaints = complaints(name, found, record);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// A sentence for each number that is too far from its record.
fn complaints(name: &str, found: &Costs, record: &Costs) -> Vec<String> {
    let mut numbers = vec![
        ("flash", found.flash, record.flash),
        ("RAM", found.ram, record.ram),
        ("stack", found.stack, record.stack),
    ];
    for index in 0..found.instructions.len().max(record.instructions.len()) {
        let of = |costs: &Costs| costs.instructions.get(index).copied().unwrap_or(0);
        numbers.push(("instructions", of(found), of(record)));
    }
    let differ = |found: u64, record: u64| found.abs_diff(record) * 100 > record * TOLERANCE;
    let wrong = numbers.into_iter().filter(|(_, found, record)| differ(*found, *record));
    wrong
        .map(|(what, found, record)| {
            let (verb, advice) =
                if found > record { ("grew", "find out why") } else { ("shrank", "lower the record") };
            format!(
                "{name}: {what} {verb} by more than {TOLERANCE}% from {record} to {found}: {advice} \
                 (std-host/src/plan/costs.toml)"
            )
        })
        .collect()
}

#[test]
fn growth_and_shrinkage_are_told() {
    let record = Costs { flash: 1000, ram: 100, stack: 200, instructions: vec![10_000, 500] };
    let near = Costs { flash: 1030, ram: 97, ..record.clone() };
    assert!(complaints("p", &near, &record).is_empty());
    let far = Costs { flash: 1031, ram: 96, stack: 207, instructions: vec![10_400] };
    let found = complaints("p", &far, &record);
    assert_eq!(found.len(), 5);
    assert!(found[0].starts_with("p: flash grew by more than 3% from 1000 to 1031"), "{found:?}");
    assert!(found[1].contains("RAM shrank") && found[1].contains("lower the record"), "{found:?}");
    assert!(found[4].contains("instructions shrank by more than 3% from 500 to 0"), "{found:?}");
}
