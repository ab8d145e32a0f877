//! Titles in the comments of generated files.

/// A title in one line that ends no comment it is written into: control characters and those that turn the
/// direction of text become spaces.
pub(super) fn in_comment(title: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut line = String::new();
    for c in title.chars() {
        let c = match c {
            c if breaks(c) || turns(c) => ' ',
            // It joins the line to the next.
            '\\' => '/',
            c => c,
        };
        // A comment of C begins and ends with these two.
        let pair = matches!((line.chars().last(), c), (Some('*'), '/') | (Some('/'), '*'));
        line.extend(pair.then_some(' '));
        line.push(c);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_stays_in_its_comment() {
        assert_eq!(in_comment("a * b"), "a * b");
        for title in ["x\n#error", "x\r\n", "*/ evil /*", "/*/*/", "*\\", "\u{202e}x", "\u{2028}x", "x\\"] {
            let made = in_comment(title);
            assert!(!made.contains("*/") && !made.contains("/*") && !made.contains('\\'), "{made}");
            assert!(!made.chars().any(|c| c.is_control() || c > '\u{2000}'), "{made}");
        }
    }
}
