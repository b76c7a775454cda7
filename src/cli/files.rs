//! Options for file names, existing files and new files.

use std::sync::Arc;

use clap::Args;
use clap::error::ErrorKind;

use super::refusal::refuse;
use super::values::tar_size;
use crate::bucket::LARGEST;
use crate::id::Ids;
use crate::plan::{Existing, Identity, Naming, Options, Template};
use crate::run::exec::Exec;
use crate::shard::Selection;
use crate::store::{Dedupe, Layout, Packing};

#[derive(Debug, Args)]
#[command(next_help_heading = "Files")]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate flag")]
pub(super) struct FileArgs {
    /// Template for file names, such as `{host}-{name}`
    ///
    /// The fields are under NAMES. Without a field, it is the name for a single link.
    #[arg(long, value_name = "TEMPLATE")]
    name: Option<Template>,
    /// Distribute files over folders by a hash, `ab/cd/name.pdf`, for lists of more than 10,000 links
    #[arg(long)]
    shard_dirs: bool,
    /// What identifies a link in place of its URL, such as `{col.id}` or `{host}{path}`: links of the same identity are one
    ///
    /// The fields are those of `--name`, except that `{path}` is the whole path of the URL. A link without a value for one of
    /// them is identified by its URL, without a signature.
    #[arg(long, value_name = "TEMPLATE")]
    identity: Option<Identity>,
    /// Accept an existing file under the name of a link as its file, unless it is known to be that of another link
    #[arg(long)]
    pub(super) skip_existing: bool,
    /// Replace files of earlier runs that have changed on the server
    #[arg(long, conflicts_with = "overwrite")]
    update: bool,
    /// Fetch everything again, and replace existing files, wherever they came from
    #[arg(long, conflicts_with = "skip_existing")]
    overwrite: bool,
    /// What to do with files that have the same bytes
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    pub(super) dedupe: Dedupe,
    /// Pack files into tars of up to 1 GiB or this size, `shard-K-000000.tar`, which `webdataset` reads
    ///
    /// Each file is a pair of members, `KEY.pdf` and its record, `KEY.json`. K is the number of `--shard`, or else 1.
    #[arg(long, value_name = "tar[:SIZE]", value_parser = tar_size)]
    #[arg(conflicts_with_all = ["shard_dirs", "skip_existing", "update", "overwrite", "exec"])]
    pack: Option<u64>,
    /// Set the modification time of files from the `Last-Modified` header
    #[arg(long)]
    pub(super) remote_time: bool,
    /// Record the SHA-256 of each file in the journal
    #[arg(long)]
    sha256: bool,
    /// Run a command for each new file, without a shell; `{}` is its path, `{url}` the link
    ///
    /// `{.}` is the path without its extension, `{/}` the file name, `{/.}` the file name without its extension, and `{//}`
    /// the folder.
    #[arg(long, value_name = "COMMAND")]
    pub(super) exec: Option<Exec>,
    /// Print what a run would do, without requests and without writing files
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl FileArgs {
    /// The columns of lists that names and identities are made of.
    pub(super) fn columns(&self) -> impl Iterator<Item = &Arc<str>> {
        let of_names = self.name.iter().flat_map(Template::columns);
        of_names.chain(self.identity.iter().flat_map(Identity::columns))
    }

    /// Gives the file of a single link this name; false if a template is given.
    pub(super) fn set_name(&mut self, name: &str) -> bool {
        let is_free = self.name.is_none();
        self.name.get_or_insert_with(|| Template::of_name(name));
        is_free
    }

    /// The first option that gives files other names than a template says.
    pub(super) fn option_for_names(&self) -> Option<&'static str> {
        let options = [
            (self.pack.is_some(), "--pack"),
            (self.shard_dirs, "--shard-dirs"),
        ];
        let set = options.into_iter().find(|(is_set, _)| *is_set);
        set.map(|(_, option)| option)
    }

    /// Whether all files would have the same name.
    pub(super) fn has_constant_name(&self) -> bool {
        self.name.as_ref().is_some_and(Template::is_constant)
    }

    /// Whether an option requires the SHA-256 of each file.
    pub(super) fn need_hash(&self) -> bool {
        let in_name = self.name.as_ref().is_some_and(Template::needs_hash);
        self.sha256 || in_name || self.dedupe != Dedupe::None || self.pack.is_some()
    }

    /// How files are put into tars, if they are: those of the links of a `selection`.
    pub(super) fn packing(&self, selection: Option<&Selection>) -> Option<Packing> {
        let shard = selection.map_or(1, Selection::number);
        self.pack.map(|size| Packing { size, shard })
    }

    /// Ends the process if files cannot be put into tars for `layout` with the other options.
    pub(super) fn check_packing(&self, layout: &Layout) {
        let Some(size) = self.pack else { return };
        let message = if self.dedupe == Dedupe::Hardlink {
            "`--pack` cannot be used with `--dedupe hardlink`: a file in a tar has one name"
        } else if layout.bucket().is_some() && size > LARGEST {
            "`--pack` makes tars of up to 5 GiB in an object store, such as `--pack tar:5G`"
        } else {
            return;
        };
        refuse(ErrorKind::ArgumentConflict, message)
    }

    /// How the links of a `selection` become files: how to name them, and what to do with existing ones.
    pub(super) fn options(self, selection: Option<Selection>, ids: Arc<Ids>) -> Options {
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
            identity: self.identity.unwrap_or_default(),
            selection,
            ids,
        }
    }
}
