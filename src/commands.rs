//! What the program does besides a run.

pub mod compare;
pub mod demo;
pub mod dry_run;
pub mod verify;
