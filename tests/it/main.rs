//! The binary, run as a user runs it, against servers on loopback.

mod command_line;
mod fetching;
mod files;
mod harness;
mod interrupting;
mod lists;
mod modes;
mod resuming;
mod server;
mod showing;
