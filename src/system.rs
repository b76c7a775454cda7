//! What each operating system does differently: files, limits and signals.

pub(crate) mod files;
pub(crate) mod limits;
pub(crate) mod signals;
