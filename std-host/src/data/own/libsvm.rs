//! LIBSVM's text, one example in each line: `label index:value index:value ...`.
//!
//! Indices begin at 1 and ascend; what is not named is 0. Spaces and tabs separate, lines may end with `\r\n`
//! and the last one without a line break. Blank lines, and what follows a `#`, say nothing. A label is any
//! word; `+1` is the number 1.
//!
//! A file is read in blocks of whole lines, which the threads parse side by side. So no file lies in memory
//! as a whole, and a pipe's lines are there as soon as they are written.

use std::io::{self, Read};

use super::batch::Batch;
use super::label::{Label, decoded};

/// Bytes that are parsed at a time, and more if a line is longer.
const BLOCK: usize = 1 << 20;

/// Bytes that are asked of a pipe at a time.
const PORTION: usize = 1 << 16;

/// The longest line, in bytes: some ten million features. A file without line breaks would be read into
/// memory as a whole.
const LONGEST_LINE: usize = 1 << 28;

/// Whole lines of a file.
pub(super) struct Block {
    /// The number of the first line, from 1.
    first: u64,
    pub(super) text: Vec<u8>,
}

/// The blocks of a file.
pub(super) struct Blocks<R> {
    from: R,
    /// Whether to hand out lines as soon as they are there, and not to wait for a block of them.
    eager: bool,
    /// The beginning of a line.
    rest: Vec<u8>,
    /// Lines that have been handed out.
    lines: u64,
    ended: bool,
}

impl<R: Read> Blocks<R> {
    pub(super) fn new(from: R, eager: bool) -> Self {
        Self { from, eager, rest: Vec::new(), lines: 0, ended: false }
    }

    /// The next lines.
    pub(super) fn next(&mut self) -> io::Result<Option<Block>> {
        let (most, portion) = if self.eager { (0, PORTION) } else { (BLOCK, BLOCK) };
        let mut text = std::mem::take(&mut self.rest);
        // Where the last line break ends.
        let mut end = 0;
        while !self.ended && (end == 0 || text.len() < most) {
            let before = text.len();
            text.resize(before + portion, 0);
            let read = match self.from.read(text.get_mut(before..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
                Err(error) => return Err(error),
                Ok(read) => Some(read),
            };
            text.truncate(before + read.unwrap_or(0));
            self.ended = read == Some(0);
            let new = text.get(before..).unwrap_or_default();
            if let Some(last) = new.iter().rposition(|byte| *byte == b'\n') {
                end = before + last + 1;
            }
            if text.len() - end > LONGEST_LINE {
                let line = self.lines + 1 + count(text.get(..end).unwrap_or_default(), b'\n');
                let problem = format!("line {line} is longer than {} MiB", LONGEST_LINE >> 20);
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            }
        }
        if !self.ended {
            self.rest = text.split_off(end);
        }
        if text.is_empty() {
            return Ok(None);
        }
        let mut first = self.lines + 1;
        self.lines += count(&text, b'\n');
        // The mark that some editors put at the beginning of UTF-8.
        if first == 1 && text.starts_with(b"\xef\xbb\xbf") {
            text.drain(..3);
            first = 1;
        }
        Ok(Some(Block { first, text }))
    }
}

/// How many of these bytes there are.
pub(super) fn count(text: &[u8], wanted: u8) -> u64 {
    // In parts that a counter of bytes holds, which the compiler turns into vector instructions.
    let part = |part: &[u8]| u64::from(part.iter().map(|byte| u8::from(*byte == wanted)).sum::<u8>());
    text.chunks(255).map(part).sum()
}

/// The examples of a block.
///
/// # Errors
///
/// One sentence that names the line, as `line 7: index 3 comes after 5; ...`.
pub(super) fn parse(block: &Block, labels_needed: bool) -> Result<Batch, String> {
    let mut batch = Batch::default();
    for (number, line) in (block.first..).zip(block.text.split(|byte| *byte == b'\n')) {
        row(line, labels_needed, &mut batch).map_err(|problem| format!("line {number}: {problem}"))?;
    }
    Ok(batch)
}

/// Whether a line is an example of this format, and not of a table.
pub(super) fn is_example(line: &[u8]) -> bool {
    let mut fields = fields(without_comment(line));
    fields.next().is_some()
        && fields.next().is_some_and(|field| feature(field).is_ok())
        && fields.all(|field| feature(field).is_ok())
}

fn without_comment(line: &[u8]) -> &[u8] {
    match line.iter().position(|byte| *byte == b'#') {
        Some(start) => line.get(..start).unwrap_or_default(),
        None => line,
    }
}

fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty())
}

fn row(line: &[u8], label_needed: bool, batch: &mut Batch) -> Result<(), String> {
    let mut fields = fields(without_comment(line)).peekable();
    let Some(first) = fields.peek() else { return Ok(()) };
    let label = if first.contains(&b':') {
        if label_needed {
            return Err(format!("begins with {}, where its label belongs", quoted(first)));
        }
        None
    } else {
        fields.next().map(label).transpose()?
    };
    // Indices of files begin at 1, so 0 is before all.
    let mut before = 0;
    for field in fields {
        let (index, value) = feature(field)?;
        if index <= before {
            return Err(if index == before {
                format!("index {index} stands twice; give each feature one value")
            } else {
                format!("index {index} comes after {before}; indices must ascend")
            });
        }
        before = index;
        batch.push(index - 1, value);
    }
    batch.end(label);
    Ok(())
}

/// `index:value`
#[inline]
fn feature(field: &[u8]) -> Result<(u32, f32), String> {
    let Some(colon) = field.iter().position(|byte| *byte == b':') else {
        return Err(format!("{} is no index:value", quoted(field)));
    };
    let (name, value) = (field.get(..colon).unwrap_or_default(), field.get(colon + 1..).unwrap_or_default());
    let mut index = 0u32;
    for digit in name {
        let next = digit.is_ascii_digit().then_some(u32::from(digit.wrapping_sub(b'0')));
        let next = next.and_then(|digit| index.checked_mul(10)?.checked_add(digit));
        index = next.ok_or_else(|| wrong_index(name))?;
    }
    if index == 0 {
        return Err(wrong_index(name));
    }
    let number: Option<f32> = str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    match number {
        Some(number) if number.is_finite() => Ok((index, number)),
        Some(_) => Err(format!(
            "the value of index {index} is {}, which is not a finite number of float32",
            quoted(value)
        )),
        None if value.is_empty() => Err(format!("index {index} has no value")),
        None => Err(format!("the value of index {index} is {}, which is no number", quoted(value))),
    }
}

/// Why an index is none.
fn wrong_index(name: &[u8]) -> String {
    let digits = name.iter().all(u8::is_ascii_digit);
    match name {
        [] => "a value has no index".to_owned(),
        _ if digits && name.iter().all(|digit| *digit == b'0') => "index 0: indices begin at 1".to_owned(),
        _ if digits => format!("index {} is beyond the largest, {}", quoted(name), u32::MAX),
        b"qid" => "qid belongs to ranking, which this is not; remove it".to_owned(),
        _ => format!("{} is no index, which is a whole number from 1 on", quoted(name)),
    }
}

fn label(field: &[u8]) -> Result<Label, String> {
    if field.contains(&b',') {
        return Err(format!("has several labels, {}; one label for an example is read", quoted(field)));
    }
    let text = decoded(field);
    if text.chars().any(char::is_control) {
        return Err("has bytes that are no text; is this a file of LIBSVM's format?".to_owned());
    }
    if text.parse().is_ok_and(|number: f64| !number.is_finite()) {
        return Err(format!("the label is {}, which stands for no class", quoted(field)));
    }
    Ok(Label::signed(&text))
}

/// The beginning of a field, for people.
fn quoted(field: &[u8]) -> String {
    let text = decoded(field);
    let mut start: String = text.chars().take(20).collect();
    if start.len() < text.len() {
        start += "...";
    }
    format!("`{start}`")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A pipe that hands out so many bytes at a time.
    struct Pipe<'a>(&'a [u8], usize);

    impl Read for Pipe<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(to.len());
            to[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    type Example = (Option<Label>, Vec<(u32, f32)>);

    fn read(text: &[u8], portion: usize, eager: bool, needed: bool) -> Result<Vec<Example>, String> {
        let mut blocks = Blocks::new(Pipe(text, portion), eager);
        let mut found = Vec::new();
        while let Some(block) = blocks.next().map_err(|error| error.to_string())? {
            let batch = parse(&block, needed)?;
            found.extend(batch.examples().map(|(entries, label)| {
                (label.cloned(), entries.iter().map(|entry| (entry.index, entry.value)).collect())
            }));
        }
        Ok(found)
    }

    fn problem(text: &[u8]) -> String {
        let found = [(1, true), (7, false), (1 << 20, false)]
            .map(|(n, eager)| read(text, n, eager, true).unwrap_err());
        assert!(found[0] == found[1] && found[1] == found[2], "{found:?}");
        found[0].clone()
    }

    #[test]
    fn what_is_legal_is_read_whatever_the_white_space() {
        let text = b"\xef\xbb\xbf# a comment\n+1 1:0.5 3:-2e1 # another\r\n\r\n  -1\t2:1\t \n\nnew-york 4294967295:7 5:0"
            .as_slice();
        let text = [&text[..text.len() - 4], b"\n7.0\n2 1:0 2:.5"].concat();
        for portion in [1, 3, 1 << 20] {
            for eager in [false, true] {
                let found = read(&text, portion, eager, true).unwrap();
                let expected = [
                    (Some(Label::Whole(1)), vec![(0, 0.5), (2, -20.0)]),
                    (Some(Label::Whole(-1)), vec![(1, 1.0)]),
                    (Some(Label::Text("new-york".to_owned())), vec![(u32::MAX - 1, 7.0)]),
                    (Some(Label::Whole(7)), vec![]),
                    (Some(Label::Whole(2)), vec![(1, 0.5)]),
                ];
                assert_eq!(found, expected, "{portion}");
            }
        }
        assert_eq!(read(b"", 1, false, true), Ok(vec![]));
        assert_eq!(read(b"1:2\n-1 1:2", 9, false, false).unwrap().len(), 2);
    }

    #[test]
    fn each_mistake_is_told_with_its_line() {
        for (line, sentence) in [
            (&b"1 :0.5"[..], "a value has no index"),
            (b"1 2:0.5 1:0.5", "index 1 comes after 2; indices must ascend"),
            (b"1 2:0.5 2:0.5", "index 2 stands twice"),
            (b"1 1000000000000:1", "index `1000000000000` is beyond the largest, 4294967295"),
            (b"1 4294967296:1", "beyond the largest"),
            (b"1 99999999999999999999999999:1", "`99999999999999999999...` is beyond"),
            (b"1 3:nan", "the value of index 3 is `nan`, which is not a finite"),
            (b"1 3:inf", "`inf`, which is not a finite"),
            (b"1 3:1e400", "`1e400`, which is not a finite"),
            (b"1 3:1e39", "`1e39`, which is not a finite"),
            (b"1 0:1", "index 0: indices begin at 1"),
            (b"1 -4:1", "`-4` is no index"),
            (b"1 1.5:1", "`1.5` is no index"),
            (b"1 0.5", "`0.5` is no index:value"),
            (b"1 3:", "index 3 has no value"),
            (b"1 3:x", "`x`, which is no number"),
            (b"1 3:1:2", "`1:2`, which is no number"),
            (b"1 3:\xff", "which is no number"),
            (b"3:1", "begins with `3:1`, where its label belongs"),
            (b"1,2 3:1", "has several labels, `1,2`"),
            (b"nan 3:1", "the label is `nan`"),
            (b"1 qid:3 1:1", "qid belongs to ranking"),
            (b"\x00\x01\x02 \x07", "bytes that are no text"),
        ] {
            let mut text = b"1 1:2\n\n# 1 1:\n-1 7:0.5\r\n".repeat(1000);
            text.extend_from_slice(line);
            text.extend_from_slice(b"\n1 1:2\n1 0:0\n");
            let found = problem(&text);
            assert!(found.starts_with("line 4001: ") && found.contains(sentence), "{found}");
        }
    }

    #[test]
    fn a_line_of_a_million_features_is_read_and_one_without_end_is_not() {
        let mut text = String::from("1");
        (1..=1_000_000).for_each(|index| text += &format!(" {index}:1"));
        let found = read(text.as_bytes(), 1 << 20, false, true).unwrap();
        assert_eq!((found.len(), found[0].1.len()), (1, 1_000_000));
        let endless = Blocks::new(io::repeat(b'7'), false).next();
        assert!(endless.err().unwrap().to_string().contains("line 1 is longer than 256 MiB"));
    }

    #[test]
    fn bytes_are_counted() {
        let text: Vec<u8> = (0..1000).map(|i| if i % 3 == 0 { b':' } else { b'1' }).collect();
        assert_eq!((count(&text, b':'), count(&text, b'1'), count(b"", b'1')), (334, 666, 0));
    }

    proptest! {
        #[test]
        fn examples_survive_the_text(
            examples in prop::collection::vec(
                (-9i64..9, prop::collection::btree_map(0u32..50, -1e30f32..1e30, 0..8)), 0..20),
            portion in 1usize..40,
            eager: bool,
        ) {
            let mut text = String::new();
            let mut expected = Vec::new();
            for (label, features) in &examples {
                text += &label.to_string();
                features.iter().for_each(|(index, value)| text += &format!(" {}:{value}", index + 1));
                text.push('\n');
                let kept = features.iter().filter(|(_, value)| **value != 0.0);
                expected.push((Some(Label::Whole(*label)), kept.map(|(index, value)| (*index, *value)).collect()));
            }
            prop_assert_eq!(read(text.as_bytes(), portion, eager, true).unwrap(), expected);
        }

        #[test]
        fn garbage_is_read_or_refused(text in prop::collection::vec(prop::sample::select(b"1 :0\n\r#.-e\xff\t,a".to_vec()), 0..60)) {
            let _ = read(&text, 7, false, true);
            let _ = read(&text, 3, true, false);
        }
    }
}
