//! What each operating system does differently: files, folders, arguments, limits, commands, parents, signals, streams, and
//! what a process uses.

pub(crate) mod files;
pub(crate) mod folder;
pub(crate) mod handover;
pub(crate) mod identity;
pub(crate) mod limits;
pub(crate) mod locale;
pub(crate) mod parent;
pub(crate) mod processes;
pub(crate) mod signals;
pub(crate) mod streams;
pub(crate) mod threads;
pub(crate) mod usage;
