//! Pure code that runs for every link or every byte: `cargo bench` measures it, `cargo test --benches` runs it once.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use fetchpdf::bench::{
    Check, Detail, Feedback, Finished, HasHost, History, HostPolicies, Input, Links, Next, Options,
    Schedule, of_url,
};
use url::Url;

fn main() {
    divan::main();
}

/// Checking a PDF in the pieces in which it is received.
#[divan::bench(args = [10 << 10, 2 << 20])]
fn pdf_check(bencher: Bencher, length: usize) {
    let mut pdf = b"%PDF-1.7\n".to_vec();
    pdf.extend((0..=250u8).cycle().take(length));
    pdf.extend_from_slice(b"\nstartxref\n9\n%%EOF\n");
    bencher.counter(BytesCount::of_slice(&pdf)).bench(|| {
        let mut check = Check::default();
        for piece in pdf.chunks(64 << 10) {
            check.update(black_box(piece)).expect("the header of a PDF");
        }
        let body = || -> io::Result<io::Empty> { unreachable!("a PDF is checked as it passes") };
        check.finish(body)
    });
}

/// Reading a list with one link per line from a file.
#[divan::bench(args = [100_000])]
fn link_list(bencher: Bencher, links: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("links.txt");
    let list: String = (0..links).map(link).collect();
    fs::write(&path, list).expect("a writable folder");
    let (inputs, options) = ([Input::List(path)], Arc::new(Options::default()));
    bencher.counter(ItemsCount::new(links)).bench(|| {
        let links = Links::open(&inputs, &options).expect("an existing list");
        links
            .filter(|link| link.as_ref().is_ok_and(Result::is_ok))
            .count()
    });
}

/// Passing all links of a long list through the queue once.
#[divan::bench(args = [(1_000_000, 1), (1_000_000, 1_000)], sample_count = 5)]
fn queue(bencher: Bencher, (links, hosts): (usize, usize)) {
    struct Link(Arc<str>);
    impl HasHost for Link {
        fn host(&self) -> Cow<'_, str> {
            (&*self.0).into()
        }
    }
    let hosts: Vec<Arc<str>> = (0..hosts)
        .map(|n| format!("http://h{n}.example").into())
        .collect();
    bencher.counter(ItemsCount::new(links)).bench(|| {
        let now = Instant::now();
        let mut schedule = Schedule::new(HostPolicies::default());
        for host in hosts.iter().cycle().take(links) {
            assert!(
                schedule.push(Link(Arc::clone(host)), now).is_ok(),
                "no host has been given up"
            );
        }
        schedule.end();
        let mut count = 0;
        while let Next::Start(started) = schedule.next(now) {
            count += 1;
            schedule.finish(&started.ticket, Finished::Ended, Feedback::Good, now);
        }
        assert_eq!(count, links);
    });
}

/// Reading the journal of an earlier run.
#[divan::bench(args = [100_000])]
fn journal(bencher: Bencher, lines: usize) {
    let mut journal = String::new();
    for n in 0..lines {
        writeln!(
            journal,
            r#"{{"schema":1,"time":"2026-01-01T00:00:00.000Z","status":"downloaded","url":"http://a.example/papers/{n:07}.pdf","source":"links.txt","line":{n},"http_status":200,"file":"{n:07}.pdf","bytes":10240,"mtime_ns":1767225600000000000,"etag":"\"{n:x}\"","attempts":1,"elapsed":0.012}}"#
        )
        .expect("writing to a string cannot fail");
    }
    bencher.counter(ItemsCount::new(lines)).bench(|| {
        History::read(black_box(journal.as_bytes()), Detail::Files).expect("memory is readable")
    });
}

/// Naming files after URLs, plain and percent-encoded.
#[divan::bench(args = ["1706.03762v7.pdf", "a%20study%20of%20%C3%A9t%C3%A9.pdf"])]
fn file_name(bencher: Bencher, segment: &str) {
    let url = Url::parse(&format!("https://a.example/pdf/{segment}")).expect("a URL");
    bencher
        .counter(ItemsCount::new(1usize))
        .bench(|| of_url(black_box(&url)));
}

fn link(number: usize) -> String {
    format!("https://h{}.example/papers/{number:07}.pdf\n", number % 100)
}
