//! Options for identifiers, and the tables `[id]`, `[source]` and `[base]` of the configuration: see [`id`](crate::id).

use clap::Args;

use crate::id::Ids;
use crate::text::hide;

#[derive(Debug, Args)]
#[command(next_help_heading = "Identifiers")]
pub(super) struct IdArgs {
    /// E-mail address to send to sources that ask for one, such as Unpaywall
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    email: Option<String>,
}

impl IdArgs {
    /// What is known about identifiers, with the address of the user.
    pub(super) fn complete(self, mut ids: Ids) -> Ids {
        hide(ids.secrets());
        ids.email = self.email;
        ids
    }
}

fn address(text: &str) -> Result<String, String> {
    const FORM: &str = "expected an e-mail address, such as `me@example.org`";
    let (user, host) = text.split_once('@').ok_or(FORM)?;
    let is_plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    if user.is_empty() || host.is_empty() || !is_plain {
        return Err(FORM.to_owned());
    }
    Ok(text.to_owned())
}
