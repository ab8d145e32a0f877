//! The program's commands, one file each.

mod again;
pub(crate) mod data;
pub(crate) mod demo;
mod demo_mark;
pub(crate) mod detect;
pub(crate) mod encode;
pub(crate) mod eval;
mod exciting;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod paper;
pub(crate) mod plan;
pub(crate) mod predict;
pub(crate) mod profile;
pub(crate) mod recipes;
mod reconstruct;
pub(crate) mod report;
pub(crate) mod search;
pub(crate) mod show;
pub(crate) mod svm;
pub(crate) mod train;
mod train_log;
pub(crate) mod watch;
