//! What each operating system does differently: files, folders, arguments, limits, commands, parents, signals and streams.

pub(crate) mod files;
pub(crate) mod folder;
pub(crate) mod handover;
pub(crate) mod identity;
pub(crate) mod limits;
pub(crate) mod parent;
pub(crate) mod processes;
pub(crate) mod signals;
pub(crate) mod streams;
pub(crate) mod threads;
