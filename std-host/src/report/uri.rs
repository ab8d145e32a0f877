//! Pictures as text, to stand inside a page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::picture::Drawn;

/// The `data:` address of a picture.
pub(super) fn of(drawn: &Drawn) -> String {
    match drawn {
        Drawn::Png(bytes) => of_bytes("image/png", bytes),
        Drawn::Svg(text) => of_bytes("image/svg+xml", text.as_bytes()),
    }
}

/// The `data:` address of a file's content.
pub(super) fn of_bytes(kind: &str, bytes: &[u8]) -> String {
    format!("data:{kind};base64,{}", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_its_kind_and_its_bytes() {
        assert_eq!(of(&Drawn::Png(vec![1, 2, 255])), "data:image/png;base64,AQL/");
        assert_eq!(of(&Drawn::Svg("<svg/>".to_owned())), "data:image/svg+xml;base64,PHN2Zy8+");
    }
}
