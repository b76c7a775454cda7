//! Options from the environment and the configuration file.

use std::sync::{Arc, Mutex};

use crate::harness::{Run, Running, Sandbox, for_each_mode};
use crate::server::{Server, ok, pdf, respond};

const LINK: &str = "http://a.invalid/x.pdf";

/// Runs with `text` as the configuration file of the user.
fn run_with(text: &str, variables: &[(&str, &str)], args: &[&str]) -> Run {
    let sandbox = Sandbox::new();
    sandbox.write("home/fetchpdf/config.toml", text);
    let mut command = sandbox.command(args);
    command.envs(variables.iter().copied());
    command.env(
        if cfg!(windows) {
            "APPDATA"
        } else {
            "XDG_CONFIG_HOME"
        },
        sandbox.path("home"),
    );
    Running::start(command).end()
}

#[test]
fn command_line_overrides_environment_overrides_file() {
    let file = "output = 'by-file'\ndry-run = true\nmode = 'pool'\nper-host = 2\n";
    let begins = |variables: &[(&str, &str)], args: &[&str], begin: &str| {
        let run = run_with(file, variables, args).exits(0);
        assert!(run.stdout.starts_with(begin), "no `{begin}` in {run:#?}");
    };
    let variable = [("FETCHPDF_OUTPUT", "by-environment")];
    begins(&[], &[LINK], "fetch\tby-file");
    begins(&variable, &[LINK], "fetch\tby-environment");
    begins(&variable, &[LINK, "-o", "here"], "fetch\there");
    begins(&variable, &["--version"], "fetchpdf ");
    begins(&[], &["--no-config", "--dry-run", LINK], "fetch\t.");
}

#[test]
fn options_override_conflicting_file_keys() {
    let run = run_with(
        "update = true\ndry-run = true\n",
        &[],
        &["--overwrite", LINK],
    );
    run.exits(0);
}

#[test]
fn options_override_conflicting_variables() {
    for (variable, said) in [
        ("FETCHPDF_UPDATE", "--overwrite"),
        ("FETCHPDF_JSON", "--print=paths"),
        ("FETCHPDF_ALL_LINKS", "--name={name}"),
    ] {
        run_with("", &[(variable, "1")], &[said, "--dry-run", LINK]).exits(0);
    }
    let verbose = [("FETCHPDF_VERBOSE", "2")];
    let run = run_with("", &verbose, &["-q", "--dry-run", LINK]).exits(0);
    assert_eq!(run.stderr, "");
    let server = Server::of_pdfs();
    let args = ["compare", "--modes", "pool", &server.url("/x.pdf")];
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&args);
    command.env("FETCHPDF_OUTPUT", "kept");
    Running::start(command).end().exits(0);
    assert!(sandbox.path("kept/pool/x.pdf").exists());
}

#[test]
fn named_config_file_must_exist() {
    let sandbox = Sandbox::new();
    sandbox.write("mine.toml", "dry-run = true\noutput = 'there'\n");
    let run = sandbox.run(&["-K", "mine.toml", LINK]).exits(0);
    assert!(run.stdout.starts_with("fetch\tthere"), "{run:?}");
    let run = sandbox.run(&["-K", "no.toml", LINK]).exits(2);
    assert!(
        run.stderr
            .contains("cannot read the configuration `no.toml`")
    );
}

#[test]
fn config_errors_name_the_key() {
    for (text, message) in [
        (
            "per-hots = 2",
            "unknown key `per-hots`; did you mean `per-host`?",
        ),
        ("zorgl = 2", "unknown key `zorgl`: keys are long options"),
        (
            "jobs = 0",
            "invalid value '0' for '--jobs <N>': must be a number from 1 to 10000",
        ),
        (
            "mode = 'fast'",
            "[possible values: sequential, threads, pool, async]",
        ),
        (
            "quiet = 'yes'",
            "`quiet` must be `true`, `false` or a number",
        ),
        ("demo = true", "unknown key `demo`"),
        ("update = true\noverwrite = true", "cannot be used with"),
        ("jobs = 2\njobs", "line 2: "),
        (
            "[host.'a.example']\nper-hots = 2",
            "host `a.example`: unknown key `per-hots`",
        ),
        (
            "[host.'http://a.example/x']\nwait = '1s'",
            "a host is a name or an address without scheme and port",
        ),
        (
            "[host.'a.example:80']\nwait = '1s'",
            "such as `example.org`, `192.0.2.1` or `[2001:db8::1]`",
        ),
        (
            "[host.'bücher.example']\nwait = '1s'\n[host.'XN--BCHER-KVA.example.']\nwait = '2s'",
            "another table is about the same host",
        ),
        ("\"per\\u001b[31m\" = 1", "unknown key `per\\u{1b}[31m`"),
        (
            "[host.'a.example']\nwait = 'soon'",
            "expected a number and a unit",
        ),
    ] {
        let run = run_with(text, &[], &[LINK]).exits(2);
        assert!(run.stderr.contains(message), "no `{message}` in {run:#?}");
        assert!(run.stderr.contains("config.toml`"), "{run:#?}");
    }
    let run = run_with("header = 'Authorization s3cr3t", &[], &[LINK]).exits(2);
    assert!(!run.stderr.contains("s3cr3t"), "{run:#?}");
}

#[test]
fn environment_errors_name_the_variable() {
    for (name, value) in [("FETCHPDF_JOBS", "0"), ("FETCHPDF_QUIET", "perhaps")] {
        let run = run_with("", &[(name, value)], &[LINK]).exits(2);
        let tip = format!("the value comes from the environment variable {name}");
        assert!(run.stderr.contains(&tip), "{run:#?}");
    }
    let run = run_with("", &[], &[LINK, "--jobs", "0"]).exits(2);
    assert!(!run.stderr.contains("environment"), "{run:#?}");
}

#[test]
fn variables_that_are_no_settings_change_nothing() {
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        let variables = [
            ("FETCHPDF_VERSION", "1.0"),
            ("FETCHPDF_HELP", "1"),
            ("FETCHPDF_QUIET", ""),
            ("FETCHPDF_CONFIG", ""),
            ("FETCHPDF_PER_HOST", ""),
            ("FETCHPDF_MODES", ""),
            ("FETCHPDF_ZORGL", ""),
        ];
        let file = "proxy = ''\nreport = ''\n[host.'a.example']\nwait = ''\nheader = ''\n";
        let run = run_with(file, &variables, &[&server.url("/x.pdf"), "-m", mode]).exits(0);
        assert_eq!((run.count("downloaded"), run.stderr.as_str()), (1, ""));
    });
}

#[test]
fn unknown_variables_are_named() {
    for (name, hint) in [
        ("FETCHPDF_PER_HOTS", "did you mean `FETCHPDF_PER_HOST`?"),
        ("FETCHPDF_MODE_", "did you mean `FETCHPDF_MODE`?"),
        ("FETCHPDF_DEMO", "no option has this name"),
        ("FETCHPDF_ARGUMENT_9", "did you mean"),
        ("FETCHPDF_", "no option has this name"),
    ] {
        let run = run_with("", &[(name, "s3cr3t")], &[LINK, "--dry-run"]).exits(0);
        let message = format!("warning: the environment variable `{name}` sets nothing: {hint}");
        assert_eq!(run.stderr.matches("warning").count(), 1, "{run:#?}");
        if name != "FETCHPDF_ARGUMENT_9" {
            assert!(run.stderr.contains(&message), "no `{message}` in {run:#?}");
        }
        assert!(!run.stderr.contains("s3cr3t"), "{run:#?}");
    }
    // what only other commands know is not a mistake, and help has no warnings
    let run = run_with("", &[("FETCHPDF_SVG", "x.svg")], &[LINK, "--dry-run"]).exits(0);
    assert!(!run.stderr.contains("warning"), "{run:#?}");
    let run = run_with("", &[("FETCHPDF_ZORGL", "1")], &["--version"]).exits(0);
    assert_eq!(run.stderr, "");
}

#[test]
fn limits_of_a_host_apply_to_each_spelling_of_it() {
    let inside = Arc::new(Mutex::new((0, 0)));
    let counting = Arc::clone(&inside);
    let server = Server::start(move |request, stream| {
        {
            let (now, most) = &mut *counting.lock().expect("no panic");
            *now += 1;
            *most = *now.max(most);
        }
        (0..100).for_each(|_| std::thread::yield_now());
        counting.lock().expect("no panic").0 -= 1;
        ok(stream, &pdf(&request.path));
    });
    for (key, name) in [("127.1", "127.0.0.1"), ("LocalHost.", "localhost")] {
        let link = |n| server.url(&format!("/{n}.pdf")).replace("127.0.0.1", name);
        let links: Vec<_> = (0..30).map(link).collect();
        let links: Vec<_> = links.iter().map(String::as_str).collect();
        let file = format!("[host.'{key}']\nper-host = 1\n");
        let option = format!("--host={key}:per-host=1");
        for (file, option) in [(&*file, "-j30"), ("", &*option)] {
            run_with(file, &[], &[&links[..], &[option]].concat()).exits(0);
            assert_eq!(inside.lock().expect("no panic").1, 1, "{file}{option}");
        }
    }
}

#[test]
fn host_headers_go_over_https_unless_the_key_is_an_origin() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let link = server.url("/x.pdf").replace("127.0.0.1", "localhost");
        let origin = link.strip_suffix("/x.pdf").expect("it ends so");
        let fetch = |keys: &[&str]| {
            let table = |key| format!("[host.'{key}']\nheader = 'X-Token: s3cr3t'\n");
            let file: String = keys.iter().map(table).collect();
            let run = run_with(&file, &[], &[&link, "-m", mode]).exits(0);
            assert!(!format!("{run:?}").contains("s3cr3t"));
            let requests = server.requests();
            let sent = requests.last().expect("a request").header("x-token");
            (sent.is_some(), run.stderr)
        };
        let (is_sent, stderr) = fetch(&["localhost"]);
        let hint =
            format!("were not sent to {origin}; to send them there, name it `[host.\"{origin}\"]`");
        assert!(!is_sent && stderr.matches(&hint).count() == 1, "{stderr}");
        assert!(fetch(&[&origin.to_uppercase()]).0);
        assert!(fetch(&["localhost", origin]).0);
        assert!(!fetch(&["http://localhost", "http://localhost:1"]).0);
        assert!(!fetch(&[&origin.replace("http:", "https:")]).0);
    });
}

#[test]
fn host_headers_go_to_that_host_only() {
    for_each_mode(|mode| {
        let theirs = Server::start(|request, stream| ok(stream, &pdf(&request.path)));
        let target = theirs.url("/x.pdf").replace("127.0.0.1", "localhost");
        let origin = target
            .strip_suffix("/x.pdf")
            .expect("it ends so")
            .to_owned();
        let first = Server::start(move |_, stream| {
            respond(stream, &format!("302 Found\r\nLocation: {target}"), b"");
        });
        let sandbox = Sandbox::new();
        sandbox.write(
            "mine.toml",
            format!("header = ['X-All: all', 'X-Kind: run']\n[host.'{origin}']\nper-host = 1\nheader = ['X-Token: s3cr3t', 'X-Kind: host']\n"),
        );
        let run = sandbox
            .fetch(mode, first.url("/"), &["-K", "mine.toml", "-v"])
            .exits(0);
        let asked = |server: &Server, name| server.requests()[0].header(name).map(str::to_owned);
        assert_eq!(asked(&first, "x-token"), None);
        assert_eq!(asked(&first, "x-all").as_deref(), Some("all"));
        assert_eq!(asked(&first, "x-kind").as_deref(), Some("run"));
        assert_eq!(asked(&theirs, "x-token").as_deref(), Some("s3cr3t"));
        assert_eq!(asked(&theirs, "x-kind").as_deref(), Some("host"));
        assert_eq!(asked(&theirs, "x-all"), None);
        assert!(!format!("{run:?}").contains("s3cr3t"));
    });
}

#[test]
fn a_configuration_that_nobody_asked_for_may_be_out_of_reach() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "");
    sandbox.write("here/fetchpdf/config.toml/x", "");
    let variable = if cfg!(windows) {
        "APPDATA"
    } else {
        "XDG_CONFIG_HOME"
    };
    let run = |folder: &str, args: &[&str]| {
        let mut command = sandbox.command(&[&["--dry-run", LINK], args].concat());
        command.env(variable, sandbox.path(folder));
        Running::start(command).end()
    };
    for folder in ["none", "file"] {
        let said = run(folder, &[]).exits(0).stderr;
        assert!(!said.contains("warning"), "{said}");
    }
    // a folder in place of the file, and a link to itself, which nobody can follow
    let mut unread = vec!["here"];
    #[cfg(unix)]
    {
        let path = sandbox.path("loop");
        std::os::unix::fs::symlink("loop", path).expect("a link");
        unread.push("loop");
    }
    for folder in unread {
        let said = run(folder, &[]).exits(0).stderr;
        assert!(said.starts_with("warning: the configuration `"), "{said}");
        assert!(said.contains("is not used"), "{said}");
        let said = run(folder, &["--no-config"]).exits(0).stderr;
        assert!(!said.contains("warning"), "{said}");
    }
    for named in ["none", "here/fetchpdf/config.toml"] {
        let said = run("none", &["-K", named]).exits(2).stderr;
        assert!(said.contains("cannot read the configuration"), "{said}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_home_of_somebody_else_is_no_error() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let sandbox = Sandbox::new();
    let folder = sandbox.path("");
    let is_root = std::fs::metadata(&folder).is_ok_and(|found| found.uid() == 0);
    if !is_root
        || std::process::Command::new("setpriv")
            .arg("-V")
            .output()
            .is_err()
    {
        return;
    }
    let allow = |path: &str, mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(sandbox.path(path), mode).expect("it is ours");
    };
    allow("", 0o777);
    std::fs::copy(env!("CARGO_BIN_EXE_fetchpdf"), sandbox.path("fetchpdf")).expect("a copy");
    sandbox.write("home/.config/fetchpdf/config.toml", "quiet = true");
    allow("home", 0o700);
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        let run = |args: &[&str]| {
            let mut command = std::process::Command::new("setpriv");
            command.args([
                "--reuid",
                "65534",
                "--clear-groups",
                "./fetchpdf",
                "-m",
                mode,
            ]);
            command.args(["-o", mode, &server.url("/x.pdf")]).args(args);
            command
                .env("HOME", sandbox.path("home"))
                .current_dir(&folder);
            Running::start(command).end()
        };
        let fetched = run(&[]).exits(0);
        assert_eq!(fetched.count("downloaded"), 1);
        let warning = "config.toml` is not used: permission denied (`--no-config` silences this)";
        assert!(fetched.stderr.contains(warning), "{fetched:?}");
        run(&["-K", "home/.config/fetchpdf/config.toml"]).exits(2);
    });
}
