//! The results of a profile, for people and for programs.

use serde::Serialize;

use super::peak::Peak;

/// Notes on how to read the numbers.
pub const NOTES: &str = "\
GFLOP/s and GB/s are nominal: the operations of the direct algorithm, and each number moved once,
over the time. An algorithm that saves operations (Winograd's, say) may exceed 100% of the peak, and
what fits the caches may exceed the copy's speed. Times are medians; those of parallel tasks are
summed and divided by the number of threads. `rest` is what no phase accounts for: threads waiting
for each other, above all.";

/// The row of encodings in 8 bits.
const IN_8_BITS: &str = "in 8 bits";

/// A whole profile. As JSON, it is one object with these names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The case, when one was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// The recipe, when one was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// The network in words.
    pub network: String,
    /// The instruction set.
    pub isa: &'static str,
    /// The number of threads.
    pub threads: usize,
    /// The number of images in a step and in an encoding.
    pub batch: usize,
    /// The number of steps measured.
    pub steps: usize,
    /// The median time of a training step, in milliseconds.
    pub step_ms: f64,
    /// The fastest step, in milliseconds.
    pub step_ms_min: f64,
    /// All operations of a step divided by its median time.
    pub step_gflops: f64,
    /// The number of encodings measured.
    pub encodings: usize,
    /// The median time to encode the batch to dense codes, in milliseconds.
    pub encode_ms: f64,
    /// The fastest encoding, in milliseconds.
    pub encode_ms_min: f64,
    /// All operations of encoding divided by its median time.
    pub encode_gflops: f64,
    /// How bytes are multiplied.
    pub int8: &'static str,
    /// The median time to encode the batch in 8 bits, in milliseconds.
    pub encode_int8_ms: f64,
    /// The fastest one.
    pub encode_int8_ms_min: f64,
    /// The peak of this instruction set on this many threads.
    pub peak_gflops: f64,
    /// The speed of a large copy on all threads, counting bytes read and written.
    pub copy_gb_s: f64,
    /// The parts of a step, in their order.
    pub phases: Vec<PhaseReport>,
    /// The part of the step's time outside all phases.
    pub rest_ms: f64,
    /// The peaks of every instruction set, on one thread and on all.
    pub peaks: Vec<Peak>,
    /// The most memory that the process used up to the end of the steps; `null` if the system does not report
    /// it.
    pub peak_memory_bytes: Option<u64>,
}

/// A part of a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseReport {
    /// Its name.
    pub name: String,
    /// The median time in milliseconds.
    pub ms: f64,
    /// Nominal operations divided by that time.
    pub gflops: f64,
    /// Nominal bytes divided by that time.
    pub gb_s: f64,
    /// `gflops` divided by the peak; 0 for phases without arithmetic.
    pub share_of_peak: f64,
}

impl Report {
    /// The report as a table for people.
    pub fn table(&self) -> String {
        let (kind, name) = match (&self.case, &self.recipe) {
            (Some(case), _) => ("case", case.as_str()),
            (None, recipe) => ("recipe", recipe.as_deref().unwrap_or_default()),
        };
        let mut text = format!(
            "{kind} {name}: {}, batch {}\n{}, {}, {} steps, {} encodings\n\n",
            self.network,
            self.batch,
            self.isa,
            threads(self.threads),
            self.steps,
            self.encodings
        );
        text += "most multiply-adds:\n";
        for peak in &self.peaks {
            text += &format!("  {:8} {:12} {:9.1} GFLOP/s\n", peak.isa, threads(peak.threads), peak.gflops);
        }
        text += &format!(
            "copy of memory:  {:12} {:9.1} GB/s, read and written\n\n",
            threads(self.threads),
            self.copy_gb_s
        );

        let rows = self.phases.iter().map(|phase| phase.name.chars().count());
        let width = rows.max().unwrap_or(0).max(IN_8_BITS.len());
        text += &format!(
            "{:width$} {:>10} {:>8} {:>9} {:>8} {:>8}\n",
            "phase", "ms", "of step", "GFLOP/s", "GB/s", "of peak"
        );
        for phase in &self.phases {
            text += &format!(
                "{:width$} {:10.3} {:>8} {:>9} {:>8} {:>8}\n",
                phase.name,
                phase.ms,
                percent(phase.ms / self.step_ms),
                number(phase.gflops),
                number(phase.gb_s),
                if phase.gflops > 0.0 { percent(phase.share_of_peak) } else { String::new() }
            );
        }
        text +=
            &format!("{:width$} {:10.3} {:>8}\n", "rest", self.rest_ms, percent(self.rest_ms / self.step_ms));
        for (name, ms, min, gflops) in [
            ("step", self.step_ms, self.step_ms_min, self.step_gflops),
            ("encode", self.encode_ms, self.encode_ms_min, self.encode_gflops),
        ] {
            text += &format!(
                "{name:width$} {ms:10.3} {:>8} {:>9} {:>8} {:>8}   fastest {min:.3} ms\n",
                "",
                number(gflops),
                "",
                percent(gflops / self.peak_gflops)
            );
        }
        text += &format!(
            "{:width$} {:10.3} {:>8} {:>9} {:>8} {:>8}   fastest {:.3} ms, by {}\n",
            IN_8_BITS, self.encode_int8_ms, "", "", "", "", self.encode_int8_ms_min, self.int8
        );
        if let Some(bytes) = self.peak_memory_bytes {
            let megabytes = bytes as f64 / 1e6;
            text += &format!("\npeak memory of the process, in training: {megabytes:.0} MB\n");
        }
        text + "\n" + NOTES + "\n"
    }
}

fn threads(count: usize) -> String {
    format!("{count} {}", if count == 1 { "thread" } else { "threads" })
}

fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}

/// Empty for a rate of 0.
fn number(rate: f64) -> String {
    if rate > 0.0 { format!("{rate:.1}") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let phase = |name: &str, ms, gflops| PhaseReport {
            name: name.to_owned(),
            ms,
            gflops,
            gb_s: 12.0,
            share_of_peak: gflops / 200.0,
        };
        Report {
            case: Some("tiny".to_owned()),
            recipe: None,
            network: "1x2x2, 3fc".to_owned(),
            isa: "scalar",
            threads: 2,
            batch: 10,
            steps: 5,
            step_ms: 4.0,
            step_ms_min: 3.5,
            step_gflops: 70.0,
            encodings: 6,
            encode_ms: 2.0,
            encode_ms_min: 1.5,
            encode_gflops: 90.0,
            int8: "scalar",
            encode_int8_ms: 1.0,
            encode_int8_ms_min: 0.5,
            peak_gflops: 200.0,
            copy_gb_s: 20.0,
            phases: vec![phase("compete, layers 1 to 2", 3.0, 250.0), phase("select", 0.5, 0.0)],
            rest_ms: 0.5,
            peaks: vec![Peak { isa: "scalar", threads: 1, gflops: 100.0 }],
            peak_memory_bytes: Some(30_000_000),
        }
    }

    #[test]
    fn the_table_lines_up_and_says_everything() {
        let table = report().table();
        for part in
            ["case tiny: 1x2x2, 3fc, batch 10", "2 threads", "30 MB", "100% of the peak", "fastest 3.500 ms"]
        {
            assert!(table.contains(part), "{part} is not in\n{table}");
        }
        let line = |start: &str| table.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
        let words = |start| line(start).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words("compete")[4..], ["2", "3.000", "75.0%", "250.0", "12.0", "125.0%"]);
        assert_eq!(words("select"), ["select", "0.500", "12.5%", "12.0"]);
        assert_eq!(words("encode")[1..4], ["2.000", "90.0", "45.0%"]);
        assert_eq!(words("in 8 bits")[3..], ["1.000", "fastest", "0.500", "ms,", "by", "scalar"]);
        let end = |start: &str, what: &str| line(start).find(what).unwrap() + what.len();
        assert_eq!(end("phase", "of peak"), end("compete", "125.0%"));
        assert_eq!(end("phase", "GFLOP/s"), end("encode", "90.0"));
        assert_eq!(end("phase", " ms"), end("rest", "0.500"));
        assert_eq!(end("phase", " ms"), end("in 8 bits", "1.000"));
    }

    #[test]
    fn the_json_names_what_was_measured_and_nothing_else() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["case"], "tiny");
        assert!(json.get("recipe").is_none());
        assert_eq!(json["phases"][0]["share_of_peak"], 1.25);
        assert_eq!(json["peak_memory_bytes"], 30_000_000);
    }
}
