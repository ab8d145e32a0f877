//! How recipes write sizes: one number for both directions, or rows and columns.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use wta_core::{Shape, Size};

/// One number for both directions, or `[rows, columns]`; as text `11` or `11x7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Extent {
    /// Square.
    Square(usize),
    /// Rows and columns.
    Rectangle([usize; 2]),
}

/// A whole number, or a list of two; none is 0.
impl JsonSchema for Extent {
    fn schema_name() -> Cow<'static, str> {
        "Extent".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let side = json_schema!({ "type": "integer", "minimum": 1 });
        json_schema!({
            "anyOf": [side, { "type": "array", "title": "[rows, columns]", "items": side, "minItems": 2, "maxItems": 2 }]
        })
    }
}

impl Extent {
    /// The rows and columns that this is on maps of this shape. On a signal, which has a single row or
    /// column, one number counts along the time.
    pub(crate) fn over(self, maps: Shape) -> Size {
        match (self, maps) {
            (Self::Square(side), Shape { height: 1, width: 2.., .. }) => Size::new(1, side),
            (Self::Square(side), Shape { height: 2.., width: 1, .. }) => Size::new(side, 1),
            (extent, _) => extent.into(),
        }
    }
}

impl From<Extent> for Size {
    fn from(extent: Extent) -> Self {
        match extent {
            Extent::Square(side) => Self::square(side),
            Extent::Rectangle([height, width]) => Self::new(height, width),
        }
    }
}

impl From<Size> for Extent {
    fn from(Size { height, width }: Size) -> Self {
        if height == width { Self::Square(height) } else { Self::Rectangle([height, width]) }
    }
}

impl From<usize> for Extent {
    fn from(side: usize) -> Self {
        Self::Square(side)
    }
}

impl From<[usize; 2]> for Extent {
    fn from(sides: [usize; 2]) -> Self {
        Self::Rectangle(sides)
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Square(side) => write!(to, "{side}"),
            Self::Rectangle([height, width]) => write!(to, "{height}x{width}"),
        }
    }
}

/// Refuses a side of 0.
impl FromStr for Extent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is no size; write rows x columns as in 48x32, or one number for both");
        let side = |text: &str| text.parse().ok().filter(|side| *side > 0).ok_or_else(wrong);
        match text.split_once('x') {
            None => side(text).map(Self::Square),
            Some((height, width)) => Ok(Self::Rectangle([side(height)?, side(width)?])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_one_number_or_two() {
        assert_eq!("11".parse(), Ok(Extent::Square(11)));
        assert_eq!("11x7".parse(), Ok(Extent::Rectangle([11, 7])));
        assert_eq!(Extent::from(Size::new(4, 4)).to_string(), "4");
        assert_eq!(Extent::from(Size::new(4, 3)).to_string(), "4x3");
        let on = |height, width| Extent::Square(5).over(Shape::new(3, height, width));
        assert_eq!([on(1, 9), on(9, 1), on(9, 9)], [Size::new(1, 5), Size::new(5, 1), Size::square(5)]);
        assert_eq!(Extent::Rectangle([1, 7]).over(Shape::new(1, 1, 9)), Size::new(1, 7));
        for wrong in ["", "0", "x", "4x", "4x0", "-4", "4x3x2"] {
            assert!(wrong.parse::<Extent>().unwrap_err().contains("as in 48x32"), "{wrong}");
        }
    }
}
