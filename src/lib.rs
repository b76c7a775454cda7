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
mod commands;
mod digest;
#[cfg(test)]
mod docs;
mod fetch;
mod header;
mod http;
mod line;
mod link;
mod links;
mod log;
mod mode;
mod outcome;
mod pdf;
mod plan;
mod progress;
mod queue;
mod report;
mod retry;
mod run;
mod runtime;
mod stats;
mod stop;
mod store;
mod system;
mod text;

/// What the benchmarks measure, and nobody else needs.
#[doc(hidden)]
pub mod bench {
    pub use crate::links::{Input, Links, Options};
    pub use crate::pdf::Check;
    pub use crate::plan::name::of_url;
    pub use crate::queue::Feedback;
    pub use crate::queue::policy::HostPolicies;
    pub use crate::queue::schedule::{Finished, HasHost, Next, Schedule};
    pub use crate::store::{Detail, History};
}
