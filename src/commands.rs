//! What the program does besides a run.

pub(crate) mod compare;
pub(crate) mod demo;
pub(crate) mod dry_run;
pub(crate) mod verify;
