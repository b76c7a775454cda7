//! The binary, run as a user runs it, against servers on loopback.

mod blocks;
mod bodies;
mod checksums;
mod codings;
mod command_line;
mod concurrent_runs;
mod config_file;
mod digest_auth;
mod display;
mod engines;
mod exec;
mod found_links;
mod handshakes;
mod harness;
mod hosts;
#[cfg(target_os = "linux")]
mod http2;
mod http_bounds;
mod identity;
mod landing;
mod landing_precision;
mod landing_reader;
mod landing_rules;
mod layers;
mod limits;
mod list_formats;
mod lists;
mod merge;
mod modes;
mod moved_files;
mod names;
mod output_folder;
mod outputs;
mod pack;
mod pages;
mod records;
mod redirects;
mod refusals;
mod requests;
mod responses;
mod resume;
mod server;
mod shards;
mod shared_files;
mod signals;
mod state;
#[cfg(target_os = "linux")]
mod tls;
#[cfg(target_os = "linux")]
mod tls_server;
mod verify;
