//! Downloads every PDF of a list of links, checks each one, and reports the outcome of every link.
//!
//! ```text
//!  list ──► links ──► plan ──► queue ──► mode ──► fetch ──► store ──► outcome ──► report
//!  file,    text to   dedupe,  which     which    one       check,    status,     summary,
//!  stdin,   Link      name     link is   thread   attempt   name,     record      records,
//!  URL                         next      runs it            journal               exit code
//! ```
//!
//! A straight line: each stage knows the one to its right by one or two functions, and imports only from lower layers (a
//! test checks the table of layers). A link never vanishes: a line without a link, a duplicate and an interrupted transfer are
//! outcomes, too.

#[cfg_attr(
    not(feature = "object-stores"),
    expect(dead_code, reason = "nothing gets into a bucket")
)]
mod bucket;
mod charset;
pub mod cli;
mod commands;
mod digest;
#[cfg(test)]
mod docs;
mod fetch;
mod header;
mod host;
mod http;
mod id;
mod line;
mod link;
mod links;
mod log;
mod mode;
mod outcome;
mod output;
mod page;
mod pdf;
mod plan;
mod progress;
mod queue;
mod report;
mod retry;
mod run;
mod runtime;
mod screen;
mod shard;
mod stats;
mod stop;
mod store;
mod system;
mod tags;
mod text;
mod timeout;

/// The items that the benchmarks measure. Not an API.
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
