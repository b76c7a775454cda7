//! What options of other programs are called here, from the option lists of curl, wget, wget2, aria2, yt-dlp, gallery-dl, xargs and
//! parallel. Those that mean nothing for a list of PDFs have no answer.

/// Names, separated by spaces, and the answer to each of them.
type Answers = &'static [(&'static str, &'static str)];

/// The answer to options that are only spelled like one of ours.
const NONE: &str = "";

/// What to type in place of options of other programs.
const OPTIONS: Answers = &[
    (
        "-i --input-file --batch-file --arg-file --input --list --urls --file --input-list --from-file --files-from \
         --requirement --bib --bibliography --links",
        "a list is an argument: `fetchpdf links.txt`; `-` is standard input",
    ),
    (
        "-a",
        "a list is an argument: `fetchpdf links.txt`; `-u USER:PASSWORD` are credentials",
    ),
    ("--url", "a URL is an argument: `fetchpdf URL`"),
    (
        "--id --ids --doi --dois --arxiv --pmid --pmcid",
        "an identifier is an argument: `fetchpdf 10.1038/nphys1170`, and so is a list of them",
    ),
    (
        "-P -d --paths --folder --out-dir --directory --destination --save-dir --dest --dest-dir --dst --target \
         --target-dir --target-directory --to --outdir --out-folder --output-folder --output-directory \
         --download-dir --save-to --path",
        "`-o DIR` is the output folder, and `-j N` the number of links at once",
    ),
    (
        "--out --output-document --outfile --save-as",
        "`-o FILE.pdf` names the file of a single link, and `-o DIR` a folder",
    ),
    (
        "-O -J --remote-name --remote-name-all --remote-header-name --content-disposition --trust-server-names \
         --create-dirs --restrict-filenames --restrict-file-names --windows-filenames --no-restrict-filenames \
         --no-windows-filenames",
        "leave it out: files are named by their URL or server; `-o FILE.pdf` names the file of a single link, and `--name` is a template",
    ),
    (
        "--output-template --template --filename --name-template --prefix --suffix --rename --force-directories --no-directories \
         --directories --no-host-directories --host-directories --protocol-directories --cut-dirs -nd -nH",
        "`--name TEMPLATE` names files, such as `--name '{host}/{name}'`",
    ),
    (
        "-c -C --continue --continue-at --resume --no-continue --always-resume --resume-failed --start-pos --partial \
         --append-verify",
        "leave it out: the same command always continues where it ended; `--overwrite` fetches everything again",
    ),
    (
        "--no-clobber --no-overwrites --download-archive --skip --auto-file-renaming -nc --no-force-overwrites \
         --break-on-existing --no-break-on-existing --keep-existing --ignore-existing",
        "leave it out: files of earlier runs are kept; `--skip-existing` also accepts files from elsewhere",
    ),
    (
        "-z --time-cond --newer --refresh",
        "`--update` replaces files that have changed on the server",
    ),
    (
        "-N",
        "`--update` replaces files that have changed on the server, and `-j N` is the number of links at once",
    ),
    (
        "-f",
        "leave it out: failed links never get a file; `--overwrite` fetches everything again",
    ),
    (
        "--force --clobber --force-download --redownload --no-skip",
        "`--overwrite` fetches everything again, and `--update` what has changed on the server",
    ),
    (
        "--threads --thread --threadpool --thread-pool --pool --async --asyncio --sequential --serial \
         --max-threads --num-threads --nthreads",
        "`-m threads`, `-m pool`, `-m async` and `-m sequential` are modes, and `-j N` is the number of links at once",
    ),
    (
        "-Z --parallel --parallel-immediate --force-sequential --concurrent",
        "leave it out: several links are always fetched at once; `-j N` sets how many, and `-m sequential` is one by one",
    ),
    (
        "-s --split --max-connection-per-server --concurrent-fragments --min-split-size --chunk-size \
         --http-chunk-size --piece-length --connections --max-connections --segments",
        "`-q` prints only failures; each file is fetched over one connection, and `-j N` is the number of links at once, `--per-host N` that of a host",
    ),
    (
        "-S --silent --show-error --no-warnings",
        "`-q` prints only failures, and `-qq` only those of the run itself",
    ),
    (
        "-p --password",
        "`-u USER:PASSWORD` or `--netrc` are credentials, and `-j N` is the number of links at once",
    ),
    (
        "-T --timeout --dns-timeout --socket-timeout --time-out --http-timeout --request-timeout",
        "`--connect-timeout`, `--first-byte-timeout` and `--stall-timeout` limit the steps of a transfer, and `--max-time` a whole link",
    ),
    (
        "-t",
        "`--retry N` is the number of retries after the first attempt, and `-j N` the number of links at once",
    ),
    (
        "--tries --max-tries --attempts --extractor-retries --fragment-retries --retry-count --num-retries \
         --low-level-retries",
        "`--retry N` is the number of retries after the first attempt",
    ),
    (
        "--retry-all-errors --retry-on-http-error --retry-connrefused",
        "leave it out: whatever may succeed later is tried again; `--retry N` is the number of retries",
    ),
    (
        "-R",
        "`--remote-time` sets the times of files, and `--retry N` is the number of retries",
    ),
    (
        "--retry-max-time --waitretry",
        "`--retry-max-wait` limits a single pause, and `--max-time` a whole link",
    ),
    (
        "-w",
        "`--wait TIME` is the time between two links of a host, `--json` prints a record of each link, and `-j N` is the number of links at once",
    ),
    (
        "--sleep --delay --sleep-requests --max-sleep-interval --sleep-request --interval --pause --throttle",
        "`--wait TIME` is the time between two links of a host",
    ),
    (
        "--write-out --print-json --dump-json --print-to-file --joblog --results --write-info-json \
         --write-metadata",
        "`--json` prints a record of each link",
    ),
    (
        "--limit --max --count --max-files --limit-downloads --number",
        "`--max-downloads N` ends the run after N new files, `--limit-rate SIZE` limits its speed, and `-j N` the links at once",
    ),
    (
        "-r",
        "a list is an argument, and pages are not crawled: `--extract` takes the links out of a saved page or text",
    ),
    (
        "--recursive -l --level --mirror --page-requisites --accept --no-parent --span-hosts --convert-links \
         --follow-tags --depth --crawl -np",
        "pages are not crawled: `--extract` takes the links out of a saved page or text, and `--landing all` follows more links of pages",
    ),
    (
        "-L --location --follow",
        "leave it out: redirects are followed, up to `--max-redirs`",
    ),
    (
        "--fail --fail-with-body --check-integrity --no-part --mtime --remove-on-error --content-on-error",
        "leave it out: only whole PDFs get a name; `fetchpdf verify DIR` checks them again",
    ),
    (
        "--compressed --compression --compress",
        "leave it out: responses may be compressed, and files are saved as they are",
    ),
    (
        "--verify --check",
        "`fetchpdf verify DIR` checks the files of an output folder, and `-k` accepts any certificate",
    ),
    ("--compare", "`fetchpdf compare LIST` compares the modes"),
    (
        "-I --head",
        "`--dry-run` prints what a run would do, and `--exec` runs a command for each new file",
    ),
    (
        "--exec-before-download --on-download-complete --exec-after --on-complete",
        "`--exec COMMAND` runs a command for each new file",
    ),
    (
        "--proxy-insecure --check-certificate --no-verify --no-verify-ssl --no-ssl-verify --ssl-no-verify \
         --no-check-cert --trusted-host",
        "`-k`, `--insecure` accepts any certificate, also that of a proxy",
    ),
    (
        "--http-proxy --https-proxy --socks5 --socks5-hostname --proxy-user --all-proxy-user --all-proxy-passwd \
         --http-proxy-user --http-proxy-passwd --http-proxy-password --https-proxy-user --https-proxy-passwd \
         --proxy-password --proxy-pass --preproxy --socks4 --socks4a --proxy1.0 --ftp-proxy",
        "`-x [SCHEME://][USER:PASSWORD@]HOST[:PORT]` is the proxy, with a scheme such as `socks5h`",
    ),
    ("--no-proxy", "`--noproxy '*'` uses no proxy"),
    (
        "--cookie-jar --save-cookies --cookies-from-browser --no-cookies --cookies-export \
         --no-cookies-from-browser --keep-session-cookies --session",
        "`-b FILE` reads a `cookies.txt`; cookies of servers are kept until the run ends",
    ),
    (
        "--http-user --http-password --http-passwd --username --ask-password --use-askpass --basic --digest \
         --anyauth --login --auth --auth-no-challenge",
        "`-u USER:PASSWORD` or `--netrc` are credentials",
    ),
    ("-U --agent", "`-A NAME` is the `User-Agent`"),
    (
        "-X --request --data --post-data -F --form -G --get --method --post-file --body-data --body-file \
         --data-raw --data-binary --data-urlencode --upload-file",
        "requests are always GET",
    ),
    (
        "--dump-header --server-response --include --save-headers --print-traffic",
        "`-vv` prints requests and responses",
    ),
    (
        "-D",
        "`-vv` prints requests and responses, and `-o DIR` is the output folder",
    ),
    (
        "--debug --trace --trace-ascii",
        "`-vv` prints requests and responses, and `--log FILE` keeps them",
    ),
    (
        "--output-file --append-output --log-file --write-log --logfile",
        "`--log FILE` keeps the messages",
    ),
    (
        "-B --base-url",
        "with `--extract`, `--base URL` is the base of relative links",
    ),
    (
        "--format --input-type",
        "`--input-format FORMAT` is the format of lists",
    ),
    (
        "--csv --html",
        "`--report FILE` writes a report; a list may be CSV without an option",
    ),
    (
        "--mail --mailto --contact",
        "`--email ADDRESS` is the address for sources of identifiers",
    ),
    (
        "-# --progress-bar --show-progress --no-progress --no-progress-meter --bar --eta",
        "`--progress bar`, `plain` or `none` is the style of progress",
    ),
    (
        "--range --start --end --playlist-items --filter --include-pattern --exclude --reject --accept-regex \
         --reject-regex --match-filters --shuf --date --dateafter --date-after --datebefore",
        "files are fetched whole; for a part of a list, choose lines of it, such as `grep PATTERN LIST | fetchpdf`",
    ),
    (
        "--no-mtime --no-use-server-timestamps --use-server-timestamps --time-stamps",
        "times of files are those of the server only with `--remote-time`",
    ),
    (
        "--max-size --min-filesize --filesize-max --filesize-min --max-file-size",
        "`--max-filesize SIZE` is the largest file that is fetched; there is no least size",
    ),
    (
        "--max-download-limit --bwlimit --bandwidth --max-speed --max-rate --speed",
        "`--limit-rate SIZE` is the most bytes per second of the whole run",
    ),
    (
        "--speed-time -Y -y",
        "`--min-speed SIZE` is measured over `--stall-timeout TIME`",
    ),
    (
        "--retry-sleep --sleep-retries --retry-interval --backoff --retry-backoff",
        "`--retry-delay TIME` is the pause before the first retry, and doubles with each",
    ),
    (
        "--no-retry --no-retries",
        "`--retry 0` tries each link once",
    ),
    (
        "--ignore-errors --skip-errors --no-abort-on-error --keep-going --fail-early --abort-on-error --abort --halt \
         --stop-on-error",
        "a link that fails never stops the others; `--max-failures N` ends the run after N failures",
    ),
    (
        "--skip-download --no-download --no-simulate --test",
        "`--dry-run` prints what a run would do, and does not fetch",
    ),
    (
        "--ignore-config --no-conf --no-config-locations --config-ignore",
        "`--no-config` reads no configuration file",
    ),
    (
        "--conf-path --config-locations --config-file --conf",
        "`--config FILE` is the configuration file",
    ),
    (
        "--netrc-location --netrc-path --netrc-optional",
        "`--netrc` reads `~/.netrc`, and `--netrc-file FILE` another file",
    ),
    (
        "--capath --ca-directory",
        "`--cacert FILE` has the certificates to trust in one file",
    ),
    (
        "--client-certificate --client-certificate-key --certificate-type --private-key-type --cert-type \
         --key-type",
        "`--cert FILE` and `--key FILE` are a client certificate and its key, as PEM",
    ),
    (
        "-1 -2 -3 --tlsv1 --tlsv1.2 --tlsv1.3 --secure-protocol",
        "leave it out: TLS 1.2 and 1.3 are used, and nothing older",
    ),
    (
        "--http1.0 --http3 --http3-only --http0.9 --http2-prior-knowledge",
        "`--http1.1` and `--http2` use only that version",
    ),
    (
        "--log-level --console-log-level --loglevel --verbosity",
        "`-v` and `-vv` print more, `-q` and `-qq` less",
    ),
    (
        "-Q --max-transfer --max-bytes",
        "`--quota SIZE` ends the run after this many bytes of new files",
    ),
    (
        "--max-duration --stop --stop-after --deadline",
        "`--max-total-time TIME` ends the run after this time",
    ),
    (
        "--contimeout",
        "`--connect-timeout TIME` is the longest time to connect",
    ),
    (
        "--tpslimit --requests-per-second --rps",
        "`--rate N/TIME` limits the starts of links of a host, such as `5/s`",
    ),
    (
        "--stats --statistics",
        "a summary ends each run; `fetchpdf report FILE` prints that of the records of earlier ones",
    ),
    (
        "--failed --only-failed --retry-failed",
        "`fetchpdf run.jsonl --only failed` tries again what has failed, from the records of `--report run.jsonl`",
    ),
    (
        "--errors --failed-file --rejected-log --write-unsupported --error-log",
        "`--error-file FILE` writes failed links to a list",
    ),
    (
        "--state-file --state-dir --checkpoint",
        "`--state DIR` is the folder of the journal, which lets the same command continue",
    ),
    (
        "--checksum --hash --md5 --sha1",
        "`--sha256` records the SHA-256 of files; checksums of a list are verified without an option",
    ),
    (
        "--download --pdf --only-pdf --pdf-only --ext --extension --extensions --type --filetype",
        "leave it out: every link is downloaded, and only PDFs are saved",
    ),
    (
        "--oauth2-bearer --bearer --token --auth-token",
        "`-H 'Authorization: Bearer TOKEN'` sends a token, and `-H @FILE` keeps it out of the shell history",
    ),
    (
        "-g --get-urls --get-url",
        "`--dry-run` prints the links, and what a run would do with them",
    ),
    (
        "--background --daemon",
        "a shell does that: `fetchpdf links.txt --log run.log -q &`",
    ),
    ("--zip --tar", "`--pack tar` packs files into tars"),
    (
        "-? --help-all --long-help --usage",
        "`-h` prints what most people use, and `--help` all options",
    ),
    (
        "--no-run-if-empty",
        "leave it out: an empty list is no error, unless with `--fail-on-empty`",
    ),
    ("--print0", "`-0` ends paths with NUL instead of a newline"),
    (
        "--age-limit --quote --server --doh-insecure --peer-agent --checkers",
        NONE,
    ),
    (
        "--add-headers --headers",
        "`-H 'Name: value'` adds a header, and `-H @FILE` those of a file",
    ),
    (
        "--no-color --no-colors --enable-color",
        "`--color never` and `--color always` are when to use colors",
    ),
    ("--disable-ipv6", "`-4` uses only IPv4"),
];

/// What to type in place of words that are commands elsewhere.
const WORDS: Answers = &[
    (
        "download get GET fetch run add start copy copyurl install :::",
        "is not needed: `fetchpdf LINKS` fetches them",
    ),
    (
        "update sync refresh",
        "is an option: `fetchpdf LINKS --update` also fetches what has changed",
    ),
    (
        "resume continue",
        "is not needed: the same command always continues where it ended",
    ),
    (
        "retry",
        "is an option: `fetchpdf run.jsonl --only failed` tries again what has failed",
    ),
    ("demo", "is an option: `fetchpdf --demo`"),
    ("version", "is an option: `fetchpdf --version`"),
    (
        "dry-run simulate",
        "is an option: `fetchpdf LINKS --dry-run`",
    ),
    (
        "check validate",
        "is no command: `fetchpdf verify DIR` checks the files of an output folder",
    ),
    (
        "stats status summary",
        "is no command: `fetchpdf report FILE` summarizes the records of a run",
    ),
    (
        "benchmark bench",
        "is no command: `fetchpdf compare LINKS` compares the modes",
    ),
];

/// What to type in place of an option that has this name elsewhere.
pub(in crate::cli) fn of_option(name: &str) -> Option<&'static str> {
    answer(OPTIONS, name)
}

/// What to say of a word that is a command elsewhere.
pub(super) fn of_word(word: &str) -> Option<&'static str> {
    answer(WORDS, word)
}

fn answer(answers: Answers, name: &str) -> Option<&'static str> {
    let has_name = |names: &str| names.split_whitespace().any(|known| known == name);
    let found = answers.iter().find(|(names, _)| has_name(names));
    found.map(|(_, answer)| *answer)
}
