//! The statuses, each listed once: its word, its kind and its meaning.

use std::fmt;

/// Whether a status means that there is a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusKind {
    /// The link's file is in the output folder.
    Saved,
    /// The link has no file of its own, but nothing failed.
    Neither,
    /// There is no file.
    Failed,
}

macro_rules! statuses {
    ($($name:ident, $word:literal, $kind:ident, $meaning:literal;)*) => {
        /// The status of a link, in the order in which the summary lists them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(clippy::enum_variant_names, reason = "`http_status` is the word")]
        pub enum Status {
            $(#[doc = $meaning] $name,)*
        }

        impl Status {
            /// All statuses, in order.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$name),*];

            /// Its word in records and in the summary.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it means, for the documentation.
            #[cfg(test)]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// Whether it means that there is a file.
            pub fn kind(self) -> StatusKind {
                match self { $(Self::$name => StatusKind::$kind,)* }
            }
        }
    };
}

statuses! {
    Downloaded, "downloaded", Saved, "fetched completely in this run, and checked";
    Resumed, "resumed", Saved, "completed from what an earlier attempt or run had left, and checked";
    Present, "present", Saved, "existing file, kept as it is";
    Duplicate, "duplicate", Neither,
        "an earlier line has the same identity (most often, URL), or, with `--dedupe skip`, another link has the same bytes";
    BadLink, "bad_link", Failed, "not an http or https URL, or one that this run must not fetch";
    Dns, "dns", Failed, "the host name has no address, or could not be looked up";
    Connect, "connect", Failed, "no connection, or one that was lost before the response";
    Tls, "tls", Failed, "no trusted TLS connection";
    Timeout, "timeout", Failed, "the connection, the response, the next byte or the whole link took too long";
    HttpStatus, "http_status", Failed, "the response is not a success, or not valid HTTP";
    RateLimited, "rate_limited", Failed, "still throttled after all retries, or for longer than this run waits";
    Blocked, "blocked", Failed, "the same body as for other links of its host, still after all retries";
    TooManyRedirects, "too_many_redirects", Failed, "more redirects than `--max-redirs`, or a redirect loop";
    Truncated, "truncated", Failed, "the body ended before it was complete";
    NotPdf, "not_pdf", Failed, "the body is neither a PDF nor a page that is read, but for example JSON, or empty";
    NoPdfLink, "no_pdf_link", Failed, "a page without a link to its PDF, or with several that cannot be told apart";
    Gone, "gone", Failed, "a page that says there is nothing here any more, or the home page in place of one";
    Login, "login", Failed, "a page that asks for an account";
    Paywall, "paywall", Failed, "a page that asks for money, or whose link to its PDF leads back to it";
    Consent, "consent", Failed, "a page that asks for cookies or for consent";
    Challenge, "challenge", Failed, "a firewall asks whether a person is there";
    ScriptOnly, "script_only", Failed, "a page that shows nothing without its scripts";
    ChecksumMismatch, "checksum_mismatch", Failed, "the file does not have the checksum given by the list, or by the server";
    TooLarge, "too_large", Failed, "the file is larger than `--max-filesize`";
    HostUnhealthy, "host_unhealthy", Failed, "given up because its host kept failing (circuit breaker)";
    Disk, "disk", Failed, "the file cannot be written";
    Upload, "upload", Failed, "the object store does not take the file";
    Interrupted, "interrupted", Failed, "the run ended before the link did";
}

impl Status {
    /// Whether it is a failure.
    pub fn failed(self) -> bool {
        self.kind() == StatusKind::Failed
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_all_statuses() {
        let row = |status: Status| {
            let kind = match status.kind() {
                StatusKind::Saved => "saved",
                StatusKind::Neither => "neither",
                StatusKind::Failed => "failed",
            };
            format!("| `{status}` | {kind} | {} |\n", status.meaning())
        };
        let rows = Status::ALL.map(row).concat();
        let table = format!("| status | kind | meaning |\n| --- | --- | --- |\n{rows}");
        crate::docs::check("records.md", "statuses", &table);
    }
}
