//! What would be followed on a page, and why, without following it: for people who add the rules of a site.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};

use anyhow::{Context, bail};
use serde_json::json;
use url::Url;

use crate::fetch::{Look, look, look_at};
use crate::http::Load;
use crate::links::Input;
use crate::outcome::Failure;
use crate::page::{LONGEST_PAGE, Via};
use crate::run::Config;
use crate::runtime::Runtimes;
use crate::system::limits::jobs_and_idle;
use crate::text::{from_server, shown};

/// What there is at a URL, or in a file. [`fmt::Display`] is for people.
pub(crate) struct View(Result<Look, Failure>);

/// Reads the only input of `config`: a URL by one request, with its redirects, or a saved page, whose URL is the base of lists.
///
/// # Errors
///
/// When there is not one input, or it cannot be read.
pub(crate) fn landing(config: &Config) -> anyhow::Result<View> {
    let [input] = &config.inputs[..] else {
        bail!("one page at a time: give one URL, or one saved page");
    };
    let view = match input {
        Input::Url(text) => {
            let url =
                Url::parse(text).with_context(|| format!("`{}` is no URL", from_server(text)))?;
            request(config, &url)?
        }
        Input::List(path) | Input::Copied(_, path) => {
            let file =
                File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
            Ok(saved(config, file)?)
        }
        Input::Stdin => Ok(saved(config, io::stdin().lock())?),
    };
    Ok(View(view))
}

fn request(config: &Config, url: &Url) -> anyhow::Result<Result<Look, Failure>> {
    let runtimes = Runtimes::start(false).context("cannot start the threads of the client")?;
    let (jobs, idle) = jobs_and_idle(std::num::NonZeroUsize::MIN);
    let look = look(&config.fetch, Load { jobs, idle }, url);
    let view = runtimes.shared.block_on(look);
    runtimes.shutdown();
    view
}

fn saved(config: &Config, page: impl Read) -> anyhow::Result<Look> {
    let base = config.lists.base.as_ref();
    let base = base
        .context("`--base URL` is missing: the URL of the page, to which its links are relative")?;
    let mut bytes = Vec::new();
    page.take(LONGEST_PAGE as u64)
        .read_to_end(&mut bytes)
        .context("cannot read the page")?;
    Ok(look_at(&bytes, base, &config.fetch))
}

impl View {
    /// The exit code: 0 if something would be followed, else 1.
    pub(crate) fn exit_code(&self) -> u8 {
        let reading = self.0.as_ref().ok().and_then(|look| look.reading.as_ref());
        u8::from(reading.is_none_or(|reading| reading.candidates.is_empty()))
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> String {
        let failed =
            |failure: &Failure| json!({"status": failure.status.word(), "error": failure.message});
        let value = match &self.0 {
            Err(failure) => failed(failure),
            Ok(look) => {
                let mut value = look.failure().as_ref().map_or(json!({}), failed);
                value["url"] = json!(shown(&look.url));
                if let Some(reading) = &look.reading {
                    let candidate =
                        |via: Via, url: &Url| json!({"via": via.name(), "url": shown(url)});
                    let candidates = reading.candidates.iter();
                    let candidates = candidates.map(|found| candidate(found.via, &found.url));
                    let left_out = reading.left_out.iter().map(|left| {
                        let mut value = candidate(left.via, &left.url);
                        value["why"] = json!(left.why.to_string());
                        value
                    });
                    value["title"] = json!(reading.title);
                    value["about"] = json!(reading.about_another);
                    value["candidates"] = candidates.collect();
                    value["left_out"] = left_out.collect();
                }
                value
            }
        };
        format!("{value}\n")
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = |f: &mut fmt::Formatter<'_>, failure: &Failure| {
            writeln!(f, "{}: {}", failure.status.word(), failure.message)
        };
        let look = match &self.0 {
            Ok(look) => look,
            Err(failure) => return failed(f, failure),
        };
        writeln!(f, "page      {}", from_server(&shown(&look.url)))?;
        let Some(reading) = &look.reading else {
            return writeln!(
                f,
                "not a page: nothing is followed, and what it is is checked when it is fetched"
            );
        };
        if let Some(title) = &reading.title {
            writeln!(f, "title     {}", from_server(title))?;
        }
        if let Some(other) = &reading.about_another {
            writeln!(
                f,
                "about     {}, another work than that of the link",
                from_server(other)
            )?;
        }
        if let Some(failure) = look.failure() {
            failed(f, &failure)?;
        }
        let url = |url: &Url| from_server(&shown(url));
        for (number, found) in reading.candidates.iter().enumerate() {
            let number = number + 1;
            writeln!(f, "{number}. {:<18} {}", found.via.name(), url(&found.url))?;
        }
        for left in &reading.left_out {
            writeln!(
                f,
                "-  {:<18} {}: {}",
                left.via.name(),
                url(&left.url),
                left.why
            )?;
        }
        Ok(())
    }
}
