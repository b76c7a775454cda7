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
#[cfg(target_os = "linux")]
mod http2;
mod inputs;
mod interrupting;
mod layers;
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
#[cfg(target_os = "linux")]
mod tls_server;
mod verifying;
