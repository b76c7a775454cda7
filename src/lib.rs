//! Downloads every PDF of a list of links, checks each one, and says what became of every link.
//!
//! ```text
//!  list ──► links ──► plan ──► queue ──► mode ──► fetch ──► store ──► outcome ──► report
//!  file, -,  text→Link  dedupe,  whose     who runs  one try:   check,    what became  summary, records,
//!  URL                  name     turn      it: 4     ask, body  name,     of it        exit code
//!                                                               journal
//! ```
//!
//! A straight line: each stage knows the one to its right by one or two functions, and the imports say the same (a test holds
//! the table of layers). A link never vanishes: a line that is no link, a duplicate, an interrupted transfer is an outcome too.

pub mod cli;
pub mod commands;
pub mod digest;
pub mod fetch;
pub mod header;
pub mod http;
pub mod line;
pub mod link;
pub mod links;
pub mod log;
pub mod mode;
pub mod outcome;
pub mod pdf;
pub mod plan;
pub mod progress;
pub mod queue;
pub mod report;
pub mod retry;
pub mod run;
pub mod runtime;
pub mod stats;
pub mod stop;
pub mod store;
mod system;
pub mod text;
