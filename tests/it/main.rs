//! The binary, run as a user runs it, against servers on loopback.

mod asking;
mod command_line;
mod commands;
#[cfg(target_os = "linux")]
mod encrypting;
mod fetching;
mod files;
mod harness;
mod hosts;
mod inputs;
mod interrupting;
mod limits;
mod lists;
mod modes;
mod naming;
mod records;
mod resuming;
mod server;
mod settings;
mod sharing;
mod showing;
mod verifying;
