//! What each system does in its own way: files, limits and signals.
//!
//! Everything here has a portable form; Linux often has a better one.

pub(crate) mod files;
pub(crate) mod limits;
pub(crate) mod signals;
