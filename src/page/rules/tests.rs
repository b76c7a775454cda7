//! Pages of repositories, publishers, authorities and others as they are, and which of their links are taken.

use std::sync::Arc;

use url::{Position, Url};

use crate::page::{Circumstances, Reader};

/// The URLs that are followed from the page, or what it is.
fn decided(url: &str, html: &str) -> String {
    let at = Url::parse(url).expect("a URL");
    let mut reader = Reader::new(&Circumstances {
        url: &at,
        link: &at,
        content_type: "text/html; charset=utf-8",
        links: &[],
        refresh: "",
        infers: true,
        rules: &Arc::default(),
        explains: false,
    });
    reader.read(html.as_bytes());
    let reading = reader.finish();
    let found = reading.candidates.iter();
    let found: Vec<_> = found
        .map(|found| &found.url[Position::BeforePath..])
        .collect();
    match found.is_empty() {
        false => found.join(" "),
        true if reading.ambiguous > 0 => format!("{} equal", reading.ambiguous),
        true => format!("{:?}", reading.kind),
    }
}

#[test]
fn pages_of_sites_are_read_as_people_do() {
    let lines = include_str!("sites.txt").lines();
    let mut lines = lines.filter(|line| !line.starts_with('#') && !line.starts_with("=="));
    let (mut count, mut wrong) = (0, Vec::new());
    while let (Some(head), Some(html)) = (lines.next(), lines.next()) {
        let (url, expected) = head.split_once(" -> ").expect("a URL and a decision");
        // a page has more text than fits here
        let html = html.replace("Text.", &"Lorem ipsum dolor sit amet. ".repeat(40));
        let found = decided(url, &html);
        count += 1;
        if found != expected {
            wrong.push(format!("{url}: `{found}` instead of `{expected}`"));
        }
    }
    assert!(
        count > 50 && wrong.is_empty(),
        "of {count}:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn messages_are_told_from_articles_by_their_titles() {
    let mut wrong = Vec::new();
    for line in include_str!("titles.txt").lines() {
        let (expected, title) = line.split_once(": ").expect("a kind and a title");
        // a message says little, an article much
        let text = "Lorem ipsum dolor sit amet. ".repeat(if expected == "Other" { 80 } else { 1 });
        for heading in [title, title.split(" | ").next().unwrap_or(title)] {
            let html = format!("<title>{title}</title><h1>{heading}</h1><p>{text}</p>");
            let found = decided("https://a.example/x", &html);
            if found != expected {
                wrong.push(format!("`{title}`: {found} instead of {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_text_is_that_of_the_article_or_of_something_else() {
    const TITLE: &str = "On Foo and its many bars";
    let mut wrong = Vec::new();
    let mut expected = "";
    for line in include_str!("texts.txt").lines() {
        if let Some(heading) = line.strip_prefix("== ") {
            expected = if heading == "article" {
                "/f/12.pdf"
            } else {
                "Other"
            };
            continue;
        }
        let html = format!(
            "<meta name=citation_title content='{TITLE}'><h1>{TITLE}</h1><p>{}</p><p><a href=/f/12.pdf>{line}</a></p>",
            "Lorem ipsum dolor sit amet. ".repeat(80)
        );
        let found = decided("https://a.example/x", &html);
        // what is for sale is something else, too
        if found != expected && !(found == "Paywall" && expected == "Other") {
            wrong.push(format!("`{line}`: {found} instead of {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
