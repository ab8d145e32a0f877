//! A live view of a run folder, for `wta watch`.
//!
//! What the files say ([`state`]) is read by a thread of its own, as a file system of another machine may let
//! one wait. It is turned into words ([`words`]), curves ([`curves`]) and pictures of the atoms
//! ([`dictionary`]), which are laid out ([`view`]) without knowing of a terminal. [`live`] alone knows one.

mod colours;
mod curves;
mod dictionary;
mod live;
mod query;
mod reader;
mod state;
mod view;
mod words;

pub(crate) use live::{Pictures, live};
pub(crate) use reader::Reader;
pub(crate) use words::snapshot;
