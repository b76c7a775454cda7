//! What the program does besides a single run. None of it knows the command line.

pub(crate) mod compare;
pub(crate) mod demo;
pub(crate) mod dry_run;
pub(crate) mod landing;
pub(crate) mod merge;
pub(crate) mod records;
pub(crate) mod report;
pub(crate) mod resolve;
pub(crate) mod verify;
