//! What each operating system does differently: files, folders, arguments, limits, signals and standard streams.

pub(crate) mod files;
pub(crate) mod folder;
pub(crate) mod handover;
pub(crate) mod limits;
pub(crate) mod signals;
pub(crate) mod streams;
