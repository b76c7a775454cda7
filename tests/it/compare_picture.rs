//! The picture of `compare`.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Barrier;

use serde_json::Value;

use crate::harness::{Run, Sandbox, list};
use crate::server::{Server, ok, pdf, respond};

fn links(server: &Server, count: usize) -> String {
    list((0..count).map(|n| server.url(&format!("/{n}.pdf"))))
}

fn compare(sandbox: &Sandbox, args: &[&str]) -> Run {
    sandbox.run(&[&["compare"], args].concat())
}

/// A bar of a link.
#[derive(Debug)]
struct Bar {
    color: String,
    has_failed: bool,
    begin: f64,
    line: String,
    width: f64,
}

/// The bars in a part of a picture: elements of their own, and pieces of paths.
fn bars(part: &str) -> Vec<Bar> {
    let value = |element: &str, name: &str| {
        let (_, rest) = element.split_once(&format!(" {name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text}"));
    let mut bars = Vec::new();
    for element in part.split('<') {
        let Some(class) = value(element, "class").filter(|class| class.starts_with('c')) else {
            continue;
        };
        let mut add = |begin: &str, line: &str, width: &str| {
            bars.push(Bar {
                color: class.split(' ').next().expect("a word").to_owned(),
                has_failed: class.ends_with(" failed"),
                begin: number(begin),
                line: line.to_owned(),
                width: number(width),
            });
        };
        if let Some(path) = value(element, "d") {
            // such as `M118.0 86.0h3.4v9.0h-3.4z`
            for piece in path.split('M').skip(1) {
                let (begin, rest) = piece.split_once(' ').expect("a place");
                let (line, rest) = rest.split_once('h').expect("a width");
                add(begin, line, rest.split('v').next().expect("a width"));
            }
        } else {
            let [begin, line, width] = ["x", "y", "width"].map(|name| value(element, name));
            let expect = |value: Option<String>| value.expect("a bar");
            add(&expect(begin), &expect(line), &expect(width));
        }
    }
    bars
}

#[test]
fn a_picture_can_be_printed() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", links(&server, 3));
    let args = ["links.txt", "--modes", "pool", "--svg", "-"];
    let run = compare(&sandbox, &args).exits(0);
    let is_picture = run.stdout.starts_with("<svg ") && run.stdout.ends_with("</svg>\n");
    assert!(is_picture, "{run:?}");
    assert!(run.stderr.contains("\nmode  at once  "), "{run:?}");
    let run = compare(&sandbox, &[&args[..], &["-q"]].concat()).exits(0);
    assert!(run.stdout.starts_with("<svg "), "{run:?}");
    assert_eq!(run.stderr, "");
    let requests = server.requests().len();
    let run = compare(&sandbox, &[&args[..], &["--json"]].concat()).exits(2);
    assert!(
        run.stderr.contains("name a file for the picture"),
        "{run:?}"
    );
    assert_eq!(server.requests().len(), requests);
    assert!(!sandbox.path("-").exists());
}

#[test]
fn a_picture_is_only_replaced_by_another_one() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", links(&server, 3));
    sandbox.write("empty.txt", "# later\n");
    let old = "old ".repeat(10_000);
    sandbox.write("old.svg", &old);
    let read = |name: &str| fs::read_to_string(sandbox.path(name)).ok();
    for (list, code) in [("empty.txt", 0), ("missing.txt", 2)] {
        for name in ["old.svg", "new.svg"] {
            compare(&sandbox, &[list, "--svg", name]).exits(code);
        }
        assert_eq!(read("old.svg").as_deref(), Some(&*old));
        assert_eq!(read("new.svg"), None);
    }
    compare(&sandbox, &["links.txt", "--svg", "old.svg", "-q"]).exits(0);
    let picture = read("old.svg").expect("a picture");
    let is_whole = picture.starts_with("<svg ") && picture.ends_with("</svg>\n");
    assert!(is_whole, "{picture}");
}

#[test]
fn it_shows_who_ran_each_link_of_a_long_list() {
    const LINKS: usize = 60;
    // where bars begin, and how long the longest one of a link, and of a mode, is
    const BEGIN: f64 = 118.0;
    const LONGEST_OF_LINKS: f64 = 634.0;
    const LONGEST_OF_MODES: f64 = 330.0;
    let both = Barrier::new(2);
    let server = Server::start(move |request, stream| {
        if ["/0.pdf", "/1.pdf"].contains(&&*request.path) {
            both.wait();
        }
        match &*request.path {
            "/59.pdf" => respond(stream, "404 Not Found", b""),
            path => ok(stream, &pdf(path)),
        }
    });
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", links(&server, LINKS));
    let modes = ["threads", "pool", "async"];
    let (list, number) = (modes.join(","), "2");
    let args = [
        "links.txt",
        "--modes",
        &list,
        "-j",
        number,
        "--svg",
        "a.svg",
        "--json",
    ];
    let run = compare(&sandbox, &args).exits(1);
    let result: Value = serde_json::from_str(&run.stdout).expect("an object");
    let picture = fs::read_to_string(sandbox.path("a.svg")).expect("a picture");
    for said in [
        "Who ran when: all 60 links<",
        "A line is a thread or task, a bar a link; in threads, each bar is a new thread.",
    ] {
        assert!(picture.contains(said), "{picture}");
    }
    let float = |value: &Value| value.as_f64().expect("a number");
    let rows = result["rows"].as_array().expect("rows");
    let longest = rows.iter().map(|row| float(&row["elapsed"]));
    let longest = longest.fold(0.0, f64::max);
    let attempts = rows
        .iter()
        .flat_map(|row| row["timeline"].as_array().expect("attempts"));
    let end = attempts
        .map(|attempt| float(&attempt["end"]))
        .fold(0.0, f64::max);
    // of a tenth of a millisecond, to which times are rounded
    let error = 1.0 + 0.0001 / end * LONGEST_OF_LINKS;
    for (row, mode) in rows.iter().zip(modes) {
        // the bar of the mode, and below all of them the bars of its links
        let heading = format!(">{mode}</text>");
        let mut parts = picture.split(&*heading).skip(1);
        let (of_mode, of_links) = (parts.next().expect("a bar"), parts.next().expect("bars"));
        let (_, width) = of_mode.split_once(" width=\"").expect("a bar");
        let width: f64 = width
            .split('"')
            .next()
            .expect("a width")
            .parse()
            .expect("a number");
        let share = float(&row["elapsed"]) / longest;
        assert!(
            (width / LONGEST_OF_MODES - share).abs() < 0.01,
            "{mode}: {picture}"
        );
        let of_links = modes.iter().fold(of_links, |part, other| {
            part.split(&format!(">{other}</text>"))
                .next()
                .expect("the first")
        });
        // without `sequential`, the slowest is the measure
        let factor = format!(" · {:.2}x · 2 at once", float(&row["vs_slowest"]));
        assert!(of_mode.contains(&factor), "{factor}: {of_mode}");
        let bars = bars(of_links);
        for attempt in row["timeline"].as_array().expect("attempts") {
            let worker = attempt["worker"].as_u64().expect("a number");
            let color = format!("c{}", (worker - 1) % 10);
            let scaled = |name: &str| BEGIN + float(&attempt[name]) / end * LONGEST_OF_LINKS;
            let (begin, until) = (scaled("begin"), scaled("end"));
            let is_it = |bar: &&Bar| {
                let ends = [bar.begin - begin, bar.begin + bar.width - until];
                bar.color == color && ends.iter().all(|distance| distance.abs() <= error + 1.0)
            };
            let shown = bars.iter().find(is_it);
            // bars of less than a pixel run together, but those of failures do not
            let has_failed = attempt["failed"] == true;
            assert!(
                shown.is_some() || (until - begin < 2.0 && !has_failed),
                "{attempt}: {bars:?}"
            );
            assert!(!has_failed || bars.iter().any(|bar| bar.has_failed && bar.color == color));
        }
        let failed = bars.iter().filter(|bar| bar.has_failed).count();
        assert_eq!(failed, 1, "{mode}: {bars:?}");
        // two are under way at once: in `threads` each link has a thread, and in the others each line is one worker
        let lines: BTreeSet<_> = bars.iter().map(|bar| &*bar.line).collect();
        assert_eq!(lines.len(), 2, "{mode}: {bars:?}");
        let workers: BTreeSet<_> = bars.iter().map(|bar| (&*bar.line, &*bar.color)).collect();
        assert_eq!(workers.len() == 2, mode != "threads", "{mode}: {bars:?}");
    }
}
