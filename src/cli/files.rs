//! Options about the files that links become.

use std::sync::Arc;

use clap::Args;

use crate::plan::{Existing, Naming, Options, Template};
use crate::run::exec::Exec;
use crate::store::Dedupe;

#[derive(Debug, Args)]
#[command(next_help_heading = "Files")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct FileArgs {
    /// How files are called, such as `{host}/{index:06}-{name}`; see below
    #[arg(long, value_name = "TEMPLATE")]
    name: Option<Template>,
    /// Put files into folders by a hash, `ab/cd/name.pdf`: for lists beyond some ten thousand
    #[arg(long)]
    shard_dirs: bool,
    /// Take files under the names of links for theirs, whoever put them here
    #[arg(long)]
    skip_existing: bool,
    /// Ask whether files that are here have changed, and replace those that have
    #[arg(long, conflicts_with = "overwrite")]
    update: bool,
    /// Fetch what is here again, and replace it, whoever put it here
    #[arg(long, conflicts_with = "skip_existing")]
    overwrite: bool,
    /// What becomes of a file whose bytes are here already
    #[arg(long, value_enum, default_value_t)]
    pub(super) dedupe: Dedupe,
    /// Give files the time that the server says they were changed
    #[arg(long)]
    pub(super) remote_time: bool,
    /// Compute the SHA-256 of each file for the journal
    #[arg(long)]
    sha256: bool,
    /// Run a command for each new file, without a shell: `{}` is its path, `{.}` `{/}` `{//}` `{/.}` parts of it, `{url}` the link
    #[arg(long, value_name = "COMMAND")]
    pub(super) exec: Option<Exec>,
    /// Print what would be done, with names, and ask nobody
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl FileArgs {
    /// The template for names, if there is one.
    pub(super) fn template(&self) -> Option<&Template> {
        self.name.as_ref()
    }

    /// Whether something asks for the SHA-256 of each file.
    pub(super) fn need_hash(&self) -> bool {
        self.sha256
            || self.dedupe != Dedupe::None
            || self.name.as_ref().is_some_and(Template::needs_hash)
    }

    /// How links become files.
    pub(super) fn options(self) -> Options {
        Options {
            naming: Arc::new(Naming {
                template: self.name,
                shard: self.shard_dirs,
            }),
            existing: match (self.update, self.overwrite) {
                (true, _) => Existing::Update,
                (_, true) => Existing::Overwrite,
                _ => Existing::Keep,
            },
            skip_existing: self.skip_existing,
            exec: self.exec.is_some(),
        }
    }
}
