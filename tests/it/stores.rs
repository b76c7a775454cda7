//! Files that end up in an object store: what is asked of it, and what becomes of what it answers.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};

use crate::harness::{MODES, Run, Running, Sandbox, for_each_mode, list, until};
use crate::s3::{Fault, Moment, Request, S3};
use crate::server::{Nobody, Server, ok, pdf, pdf_of};

/// A run of this list into the bucket, with retries that do not wait.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) server: Server,
    pub(crate) s3: S3,
    names: Vec<String>,
}

impl Stage {
    /// So many links, `/0.pdf` and so on, for a bucket with these `faults`.
    pub(crate) fn with_faults(
        links: usize,
        faults: impl Fn(&Request, Moment) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        Self::of(Server::of_pdfs(), S3::with_faults(faults), links)
    }

    /// So many links to this `server`, for this bucket.
    pub(crate) fn of(server: Server, s3: S3, links: usize) -> Self {
        let mut stage = Self {
            sandbox: Sandbox::new(),
            server,
            s3,
            names: Vec::new(),
        };
        stage.write_links(links);
        stage
    }

    /// From now on, the list has so many links.
    pub(crate) fn write_links(&mut self, links: usize) {
        self.names = (0..links).map(|n| format!("{n}.pdf")).collect();
        let urls = self.names.iter();
        let urls = urls.map(|name| self.server.url(&format!("/{name}")));
        self.sandbox.write("links.txt", list(urls));
    }

    pub(crate) fn new(links: usize) -> Self {
        Self::with_faults(links, |_, _| None)
    }

    pub(crate) fn running(&self, mode: &str, state: &str, args: &[&str]) -> Running {
        let output = S3::output("/p");
        let args = [
            &["links.txt", "-o", &output, "--state", state, "-m", mode][..],
            &["--retry-delay", "0"],
            args,
        ]
        .concat();
        Running::start(self.s3.command(&self.sandbox, &args))
    }

    pub(crate) fn run(&self, mode: &str, state: &str, args: &[&str]) -> Run {
        self.running(mode, state, args).end()
    }

    /// Nobody has asked for what nobody may ask for, and each object that there ever was is whole and was made once.
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        self.s3.assert_clean(|key, body| {
            let name = key.strip_prefix("p").expect("it is below the prefix");
            body == pdf(name)
        });
    }

    /// The objects are those of the list.
    #[track_caller]
    pub(crate) fn assert_complete(&self) {
        self.assert_clean();
        let mut keys: Vec<_> = self.names.iter().map(|name| format!("p/{name}")).collect();
        keys.sort();
        assert_eq!(self.s3.keys(), keys);
    }
}

#[test]
fn files_end_up_in_a_bucket_with_what_is_known_of_them() {
    for_each_mode(|mode| {
        let stage = Stage::new(5);
        let run = stage.run(mode, "state", &[]).exits(0);
        assert_eq!(run.count("downloaded"), 5);
        stage.assert_complete();
        for (key, object) in stage.s3.objects() {
            assert_eq!(object.header("content-type"), Some("application/pdf"));
            let url = stage.server.url(key.strip_prefix('p').expect("the prefix"));
            let says = |text: &str| {
                let mut values = object.headers.values();
                values.any(|value| value.contains(text))
            };
            assert!(says(&url), "no URL: {:?}", object.headers);
            assert!(says(&object.sha256()), "no SHA-256: {:?}", object.headers);
        }
        for put in stage.s3.asked("PUT") {
            assert_eq!(put.header("if-none-match"), Some("*"), "{put:?}");
            assert!(put.header("x-amz-checksum-sha256").is_some(), "{put:?}");
        }
        let puts = stage.s3.asked("PUT");
        assert_eq!(puts.len(), 5);
        if mode == "sequential" {
            let same = |put: &Request| put.connection == puts[0].connection;
            assert!(puts.iter().all(same), "connections are used again");
        }
        // the first request of all, the uploads, and the journal
        assert!(
            stage.s3.connections() <= 5 + 3,
            "{}",
            stage.s3.connections()
        );
        assert!(crate::harness::is_empty(&stage.sandbox.path("state/parts")));
    });
}

#[test]
fn nothing_is_asked_about_what_is_done() {
    for_each_mode(|mode| {
        let stage = Stage::new(5);
        stage.run(mode, "state", &[]).exits(0);
        let before = (stage.s3.made().len(), stage.server.requests().len());
        let asked = stage.s3.requests().len();
        let run = stage.run(mode, "state", &[]).exits(0);
        assert_eq!(run.count("present"), 5);
        let after = (stage.s3.made().len(), stage.server.requests().len());
        assert_eq!(before, after);
        let more = stage.s3.requests();
        assert!(more.len() == asked, "{:?}", &more[asked..]);
        stage.assert_complete();
    });
}

/// What may go wrong with the first PUT of an object.
const FAULTS: [(&str, Moment, Fault); 10] = [
    ("conflict", Moment::Asked, Fault::CONFLICT),
    (
        "taken, although there is none",
        Moment::Asked,
        Fault::EXISTS,
    ),
    ("slow down", Moment::Asked, Fault::SLOW_DOWN),
    (
        "slow down, and come back now",
        Moment::Asked,
        Fault::Answer(503, "SlowDown", "Retry-After: 0\r\n"),
    ),
    ("internal error", Moment::Asked, Fault::INTERNAL),
    ("closed before the body", Moment::Asked, Fault::Gone),
    ("closed within the body", Moment::Asked, Fault::CutShort),
    ("lost answer", Moment::Done, Fault::Gone),
    ("internal error after all", Moment::Done, Fault::INTERNAL),
    ("conflict with itself", Moment::Done, Fault::CONFLICT),
];

#[test]
fn what_passes_is_tried_again_and_nothing_is_made_twice() {
    for_each_mode(|mode| {
        let stage = Stage::with_faults(FAULTS.len() + 2, |request, moment| {
            let number = request.key.strip_prefix("p/")?.strip_suffix(".pdf")?;
            let number: usize = number.parse().ok()?;
            let (_, when, fault) = FAULTS.get(number)?;
            let is_first = request.method == "PUT" && request.earlier == 0;
            (is_first && moment == *when).then(|| fault.clone())
        });
        let run = stage.run(mode, "state", &[]).exits(0);
        assert_eq!(run.count("downloaded"), FAULTS.len() as u64 + 2, "{run:#?}");
        stage.assert_complete();
        let asked = stage.s3.asked("PUT").len();
        assert!(asked >= 2 * FAULTS.len() - 2, "they were not tried again");
        assert_eq!(stage.server.requests().len(), FAULTS.len() + 2);
        let run = stage.run(mode, "state", &[]).exits(0);
        assert_eq!(run.count("present"), FAULTS.len() as u64 + 2, "{run:#?}");
        assert_eq!(stage.s3.asked("PUT").len(), asked);
    });
}

#[test]
fn silent_store_is_asked_again() {
    for_each_mode(|mode| {
        let stage = Stage::with_faults(3, |request, moment| {
            let is_first = request.method == "PUT" && request.earlier == 0;
            let when = match &*request.key {
                "p/0.pdf" => Moment::Asked,
                "p/1.pdf" => Moment::Done,
                _ => return None,
            };
            (is_first && moment == when).then_some(Fault::Silent)
        });
        let patience = ["--stall-timeout", "1", "--first-byte-timeout", "1"];
        let run = stage.run(mode, "state", &patience).exits(0);
        assert_eq!(run.count("downloaded"), 3, "{run:#?}");
        stage.assert_complete();
    });
}

#[test]
fn what_does_not_pass_fails_the_links_and_nothing_is_lost() {
    for_each_mode(|mode| {
        for (fault, word) in [
            (Fault::DENIED, "AccessDenied"),
            (Fault::INTERNAL, "InternalError"),
        ] {
            let is_over = Arc::new(AtomicUsize::new(0));
            let over = Arc::clone(&is_over);
            let stage = Stage::with_faults(3, move |request, moment| {
                let fails = request.method == "PUT" && over.load(SeqCst) == 0;
                (fails && moment == Moment::Asked).then(|| fault.clone())
            });
            let run = stage.run(mode, "state", &["--retry", "0"]);
            assert!(matches!(run.code, Some(1 | 2)), "{run:#?}");
            assert!(run.stderr.contains(word), "{run:#?}");
            assert_eq!(run.count("downloaded"), 0, "{run:#?}");
            assert_eq!(stage.s3.all_objects().len(), 0);
            is_over.store(1, SeqCst);
            stage.run(mode, "state", &[]).exits(0);
            stage.assert_complete();
        }
    });
}

#[test]
fn run_without_its_store_says_so() {
    let stage = Stage::new(3);
    let nobody = Nobody::new();
    for mode in MODES {
        let start = |set: &dyn Fn(&mut std::process::Command), output: &str| {
            let args = ["links.txt", "-o", output, "--state", "state", "-m", mode];
            let args = [&args[..], &["--retry-delay", "0", "--retry", "0"]].concat();
            let mut command = stage.s3.command(&stage.sandbox, &args);
            set(&mut command);
            Running::start(command).end()
        };
        let output = S3::output("/p");
        // nobody is there
        let run = start(
            &|command| {
                command.env("AWS_ENDPOINT_URL", format!("http://{}", nobody.address()));
            },
            &output,
        );
        assert!(matches!(run.code, Some(1 | 2)), "{run:#?}");
        assert!(run.stderr.contains("s3://bucket/p"), "{run:#?}");
        assert_eq!(stage.s3.requests().len(), 0, "{:?}", stage.s3.requests());
        // no credentials, and nobody is asked for them
        let run = start(
            &|command| {
                command.env_remove("AWS_ACCESS_KEY_ID");
                command.env_remove("AWS_SECRET_ACCESS_KEY");
            },
            &output,
        )
        .exits(2);
        assert!(run.stderr.contains("AWS_ACCESS_KEY_ID"), "{run:#?}");
        assert_eq!(stage.s3.requests().len(), 0, "{:?}", stage.s3.requests());
        assert_eq!(stage.s3.unexpected(), [""; 0]);
        // nothing was fetched for a store that does not take it
        assert_eq!(stage.server.requests().len(), 0);
    }
    for (variable, value, output, word) in [
        ("AWS_REGION", "eu-central-1", "s3://other/p", "other"),
        (
            "AWS_SECRET_ACCESS_KEY",
            "wrong",
            "s3://bucket/p",
            "SignatureDoesNotMatch",
        ),
        (
            "AWS_ACCESS_KEY_ID",
            "wrong",
            "s3://bucket/p",
            "InvalidAccessKeyId",
        ),
    ] {
        let args = [
            "links.txt",
            "-o",
            output,
            "--state",
            "state",
            "--retry-delay",
            "0",
        ];
        let mut command = stage.s3.command(&stage.sandbox, &args);
        command.env(variable, value);
        let run = Running::start(command).end().exits(2);
        assert!(run.stderr.contains(word), "no {word}: {run:#?}");
        assert_eq!(stage.s3.all_objects().len(), 0);
    }
    assert!(!stage.sandbox.path("s3:").exists());
}

#[test]
fn writers_of_one_prefix_do_not_take_from_each_other() {
    for_each_mode(|mode| {
        let stage = Stage::new(12);
        // the same links: each object is made once, by one of them
        let both = ["1", "2"].map(|state| stage.running(mode, state, &[]));
        for run in both.map(Running::end) {
            let run = run.exits(0);
            let total = run.count("downloaded") + run.count("present");
            assert_eq!(total, 12, "{run:#?}");
        }
        stage.assert_complete();
        let asked = stage.s3.asked("PUT").len();
        for state in ["1", "2"] {
            stage.run(mode, state, &[]).exits(0);
        }
        assert_eq!(stage.s3.asked("PUT").len(), asked, "both know what is done");

        // links of the same names, with other bytes
        let (sandbox, server, s3) = (Sandbox::new(), Server::of_pdfs(), S3::start());
        let url = |writer, n| server.url(&format!("/{writer}/{n}.pdf"));
        let writers = ["1", "2"].map(|writer| {
            let links = format!("{writer}.txt");
            sandbox.write(&links, list((0..6).map(|n| url(writer, n))));
            let args = ["-o", &S3::output(""), "--state", writer, "-m", mode];
            let args = [&[&*links], &args[..]].concat();
            Running::start(s3.command(&sandbox, &args))
        });
        for run in writers.map(Running::end) {
            assert_eq!(run.exits(0).count("downloaded"), 6);
        }
        let objects = s3.objects();
        let bodies: BTreeSet<_> = objects
            .values()
            .map(|object| object.body.to_vec())
            .collect();
        let wanted = ["1", "2"]
            .iter()
            .flat_map(|writer| (0..6).map(move |n| pdf(&format!("/{writer}/{n}.pdf"))));
        assert!(objects.len() == 12 && bodies == wanted.collect());
        s3.assert_clean(|_, body| bodies.contains(body));
    });
}

#[test]
fn name_that_somebody_else_has_is_left_alone() {
    for_each_mode(|mode| {
        let stage = Stage::new(2);
        stage.s3.insert("p/0.pdf", b"mine");
        let run = stage.run(mode, "state", &[]).exits(0);
        assert_eq!(run.count("downloaded"), 2);
        let objects = stage.s3.objects();
        assert_eq!(objects.len(), 3, "{:?}", objects.keys());
        assert_eq!(*objects["p/0.pdf"].body, *b"mine");
        let mut others = objects.iter().filter(|(key, _)| *key != "p/0.pdf");
        assert!(others.any(|(_, object)| *object.body == *pdf("/0.pdf")));
        let run = stage.run(mode, "state", &[]).exits(0);
        assert_eq!((run.count("present"), stage.s3.objects().len()), (2, 3));
    });
}

/// The highest memory of a process so far, in bytes.
#[cfg(target_os = "linux")]
pub(crate) fn peak_memory(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(Path::new("/proc").join(id.to_string()).join("status"));
    let status = status.ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = peak.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_hold_what_is_uploaded() {
    const AT_ONCE: usize = 48;
    const LARGE: usize = 2_000_000;
    let (process, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU64::new(0)));
    let (looked_at, highest) = (Arc::clone(&process), Arc::clone(&most));
    let under_way = AtomicUsize::new(0);
    let s3 = S3::with_faults(move |request, _| {
        if request.method != "PUT" || request.is_of_state() {
            return None;
        }
        under_way.fetch_add(1, SeqCst);
        until(|| under_way.load(SeqCst) >= AT_ONCE);
        // it never falls
        let peak = peak_memory(looked_at.load(SeqCst));
        highest.fetch_max(peak.expect("it runs"), SeqCst);
        Some(Fault::DENIED)
    });
    let body = pdf_of("large", LARGE);
    let (sandbox, server) = (
        Sandbox::new(),
        Server::start(move |request, stream| {
            let mut body = body.clone();
            body[1000..1000 + request.path.len()].copy_from_slice(request.path.as_bytes());
            ok(stream, &body);
        }),
    );
    let links = (0..AT_ONCE).map(|n| server.url(&format!("/{n}.pdf")));
    sandbox.write("links.txt", list(links));
    let (output, jobs) = (S3::output(""), AT_ONCE.to_string());
    let args = ["links.txt", "-o", &output, "--state", "state"];
    let args = [&args[..], &["-j", &jobs, "--uploads", &jobs]].concat();
    let running = Running::start(s3.command(&sandbox, &args));
    process.store(running.id(), SeqCst);
    running.end().exits(2);
    assert_eq!(s3.most_uploads(), AT_ONCE);
    let (most, bodies) = (most.load(SeqCst), (AT_ONCE * LARGE) as u64);
    assert!((1..bodies).contains(&most), "{most} of {bodies} bytes");
}
