//! The names of the classes in `model.wta`, in Rust and in C.

use std::fmt::Write as _;

use wta_core::Model;
use wta_core::model::CLASS_NAMES;

use super::format::Section;
use crate::data::Classes;
use crate::error::{Error, Result};

/// The section of the names of so many classes; `None` if they are called 0, 1, 2 and so on.
pub(super) fn section(classes: &Classes, count: usize) -> Result<Option<Section>> {
    if count == 0 || classes.is_empty() || (classes.len() == count && classes.are_numbers()) {
        return Ok(None);
    }
    if classes.len() != count {
        let named = classes.len();
        return Err(Error::Invalid(format!("the classifier has {count} classes, but {named} have names")));
    }
    let (mut ends, mut text) = (Vec::new(), Vec::new());
    for name in classes.names() {
        text.extend(name.bytes());
        let end = u32::try_from(text.len()).map_err(|_| {
            Error::Invalid("the names of the classes are longer than a model.wta can be".to_owned())
        })?;
        ends.extend(end.to_le_bytes());
    }
    Ok(Some(Section { tag: CLASS_NAMES, what: "class names", bytes: [ends, text].concat() }))
}

/// The names of a model's classes, or their numbers.
fn names(model: &Model<'_>) -> Vec<String> {
    let name = |class: usize| model.class_name(class).map_or(class.to_string(), str::to_owned);
    (0..model.classes()).map(name).collect()
}

/// A constant of Rust.
pub(super) fn rust(model: &Model<'_>) -> String {
    let mut text =
        String::from("\n/// The names of the classes.\npub const CLASS_NAMES: [&str; CLASSES] = [\n");
    // What the debugger shows of a string is a literal of Rust.
    names(model).iter().for_each(|name| text += &format!("    {name:?},\n"));
    text + "];\n"
}

/// An array of C; nothing for no classes, as an array of C has elements.
pub(super) fn c(model: &Model<'_>, name: &impl std::fmt::Display, capitals: &str) -> String {
    if model.classes() == 0 {
        return String::new();
    }
    let mut text = format!(
        "/* The names of the classes, in UTF-8. */\n\
         static const char *const wta_{name}_class_names[WTA_{capitals}_CLASSES] = {{\n"
    );
    names(model).iter().for_each(|name| text += &format!("    {},\n", c_literal(name)));
    text + "};\n\n"
}

/// A string literal of C. What is not printable ASCII is written as its bytes, three octal digits each: the
/// digits of a hexadecimal escape would have no end. Of `??=` and the like, old compilers make other
/// characters.
fn c_literal(text: &str) -> String {
    let mut literal = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | b'?' => literal.extend(['\\', char::from(byte)]),
            b' '..=b'~' => literal.push(char::from(byte)),
            // Writing into a string cannot fail.
            _ => drop(write!(literal, "\\{byte:03o}")),
        }
    }
    literal + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_a_literal_of_c() {
        for (text, literal) in [
            ("standing", r#""standing""#),
            (r#"a "b" \n"#, r#""a \"b\" \\n""#),
            ("two\nlines\t1", r#""two\012lines\0111""#),
            ("really??!", r#""really\?\?!""#),
            ("gr\u{fc}7", r#""gr\303\2747""#),
            ("", r#""""#),
        ] {
            assert_eq!(c_literal(text), literal);
        }
    }

    #[test]
    fn only_names_that_say_more_than_the_number_are_written() {
        let named = |names: &[&str]| Classes::new(names.iter().copied()).unwrap();
        assert!(section(&Classes::numbered(3), 3).unwrap().is_none());
        assert!(section(&Classes::default(), 3).unwrap().is_none());
        assert!(section(&named(&["a"]), 0).unwrap().is_none());
        let found = section(&named(&["1", "\u{e4}", "b"]), 3).unwrap().unwrap();
        assert_eq!(
            found.bytes,
            [&[1, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, b'1'][..], "\u{e4}b".as_bytes()].concat()
        );
        let error = section(&named(&["a", "b"]), 3).unwrap_err().to_string();
        assert_eq!(error, "the classifier has 3 classes, but 2 have names");
    }
}
