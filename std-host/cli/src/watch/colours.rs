//! What a terminal can show: colours, or brightness alone.

use ratatui::style::Color;

/// The colours of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    /// None, or none are wanted: brightness is shown by characters.
    None,
    /// 256 fixed ones.
    Palette,
    /// 24 bits.
    Full,
}

impl Colours {
    /// What the environment says: `NO_COLOR` (see no-color.org), `COLORTERM` and `TERM`.
    pub(super) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name| variable(name).unwrap_or_default();
        if !variable("NO_COLOR").is_empty() || ["vt100", "vt220", "dumb"].contains(&&*variable("TERM")) {
            Self::None
        } else if ["truecolor", "24bit"].contains(&&*variable("COLORTERM")) {
            Self::Full
        } else {
            Self::Palette
        }
    }

    /// A colour of red, green and blue.
    pub(super) fn colour(self, [red, green, blue]: [u8; 3]) -> Color {
        match self {
            Self::None => Color::Reset,
            Self::Full => Color::Rgb(red, green, blue),
            // 24 greys from 8 to 238, in steps of 10.
            Self::Palette if red == green && green == blue => {
                Color::Indexed(232 + ((u16::from(red).max(3) - 3) / 10).min(23) as u8)
            }
            // A cube of 6 x 6 x 6 colours.
            Self::Palette => {
                let level = |value: u8| (u16::from(value) * 5 + 127) / 255;
                Color::Indexed((16 + 36 * level(red) + 6 * level(green) + level(blue)) as u8)
            }
        }
    }

    /// One of a few colours that people with any colour vision tell apart (Okabe and Ito).
    pub(super) fn of_curve(self, index: usize) -> Color {
        const CURVES: [[u8; 3]; 6] =
            [[86, 180, 233], [230, 159, 0], [0, 158, 115], [204, 121, 167], [213, 94, 0], [240, 228, 66]];
        CURVES.get(index % CURVES.len()).map_or(Color::Reset, |colour| self.colour(*colour))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_what_is_shown() {
        let of = |given: &[(&str, &str)]| {
            let find =
                |name: &str| given.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            Colours::of_environment(find)
        };
        assert_eq!(of(&[("TERM", "xterm-256color")]), Colours::Palette);
        assert_eq!(of(&[("COLORTERM", "truecolor"), ("NO_COLOR", "")]), Colours::Full);
        assert_eq!(of(&[("COLORTERM", "truecolor"), ("NO_COLOR", "1")]), Colours::None);
        assert_eq!(of(&[("TERM", "vt100")]), Colours::None);
    }

    #[test]
    fn greys_and_colours_are_near_what_is_wanted() {
        let palette = |colour| Colours::Palette.colour(colour);
        assert_eq!([0, 8, 128, 255].map(|grey| palette([grey; 3])), [232, 232, 244, 255].map(Color::Indexed));
        assert_eq!(palette([255, 0, 0]), Color::Indexed(196));
        assert_eq!(Colours::Full.colour([1, 2, 3]), Color::Rgb(1, 2, 3));
        assert_eq!(Colours::None.of_curve(3), Color::Reset);
    }
}
