//! Links of every page in the repository.

use std::collections::{BTreeMap, HashSet};

use super::page::{Page, tracked};

/// What begins a link to a file of this repository from a package's page, which is shown elsewhere too.
const HERE: [&str; 2] =
    ["https://github.com/signoff-dev/signoff/blob/main/", "https://github.com/signoff-dev/signoff/tree/main/"];

/// Every tracked file, every directory that has one, and the anchors of every page.
struct Repository {
    files: HashSet<String>,
    directories: HashSet<String>,
    anchors: BTreeMap<String, HashSet<String>>,
}

impl Repository {
    /// Why a link does not lead anywhere; `None` if it does, or leads out of the repository.
    fn problem(&self, page: &str, target: &str) -> Option<&'static str> {
        let of_page = page.rsplit_once('/').map_or("", |(directory, _)| directory);
        let (directory, target) = match HERE.iter().find_map(|prefix| target.strip_prefix(prefix)) {
            Some(target) => ("", target),
            None if has_scheme(target) => return None,
            None => (of_page, target),
        };
        let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
        let found = if path.is_empty() { Some(page.to_owned()) } else { resolve(directory, path) };
        let found = match found {
            Some(file) if self.files.contains(&file) => file,
            // GitHub shows this page of a directory.
            Some(directory) if self.directories.contains(&directory) => {
                format!("{directory}/README.md").trim_start_matches('/').to_owned()
            }
            Some(_) => return Some("leads to no tracked file"),
            None => return Some("leads out of the repository"),
        };
        let anchor = anchor?;
        let has = self.anchors.get(&found).is_some_and(|anchors| anchors.contains(anchor));
        if has { None } else { Some("has an anchor that no heading has") }
    }
}

/// Whether a target is a whole address, such as `https://example.org` or `mailto:a@example.org`.
fn has_scheme(target: &str) -> bool {
    target.split(['/', '#', '?']).next().is_some_and(|start| start.contains(':'))
}

/// A relative path from a directory, both without `.` and `..` in the end; `None` above the root.
fn resolve(directory: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The repository, and its pages.
fn repository() -> (Repository, Vec<Page>) {
    let files: HashSet<String> = tracked().into_iter().collect();
    let parents = |file: &String| file.match_indices('/').map(|(at, _)| file[..at].to_owned()).collect::<Vec<_>>();
    let directories = files.iter().flat_map(parents).chain([String::new()]).collect();
    let pages: Vec<Page> = files.iter().filter(|file| file.ends_with(".md")).map(|file| Page::read(file)).collect();
    let anchors = pages.iter().map(|page| (page.name.clone(), page.anchors())).collect();
    (Repository { files, directories, anchors }, pages)
}

#[test]
fn every_link_in_the_repository_leads_to_a_file_and_a_heading() {
    let (repository, pages) = repository();
    let (mut checked, mut problems) = (0, Vec::new());
    for page in &pages {
        for link in page.links() {
            checked += 1;
            if let Some(problem) = repository.problem(&page.name, &link.target) {
                problems.push(format!("{}:{}: {} {problem}", page.name, link.line, link.target));
            }
        }
    }
    problems.sort();
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(checked > 200, "only {checked} links were found");
}

#[test]
fn every_link_of_an_alert_leads_to_a_heading() {
    let (repository, _) = repository();
    let rules = Page::read("deploy/prometheus/alerts.yaml");
    let links: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("runbook_url: ")).collect();
    let alerts = rules.lines().filter(|line| line.trim().starts_with("- alert: ")).count();
    assert_eq!(links.len(), alerts, "every alert has a link");
    for link in links {
        assert!(link.starts_with(HERE[0]) && link.contains('#'), "{link}");
        assert_eq!(repository.problem(&rules.name, link), None, "{link}");
    }
}

#[test]
fn broken_links_are_found() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<HashSet<_>>();
    let repository = Repository {
        files: names(&["README.md", "docs/a.md", "docs/README.md", "src/main.rs"]),
        directories: names(&["", "docs", "src"]),
        anchors: [("docs/a.md", names(&["one"])), ("docs/README.md", names(&["index"]))]
            .map(|(name, anchors)| (name.to_owned(), anchors))
            .into(),
    };
    for good in [
        "a.md",
        "a.md#one",
        "#one",
        "../README.md",
        "./a.md",
        "../docs/",
        "../docs#index",
        "../src/main.rs",
        "mailto:a@b.c",
        "https://example.org/#x",
        "https://github.com/signoff-dev/signoff/blob/main/docs/a.md#one",
    ] {
        assert_eq!(repository.problem("docs/a.md", good), None, "{good}");
    }
    for bad in [
        "b.md",
        "a.md#two",
        "#two",
        "README.md#one",
        "../../x.md",
        "../docs/none",
        "A.md",
        "../src#one",
        "https://github.com/signoff-dev/signoff/blob/main/docs/b.md",
    ] {
        assert!(repository.problem("docs/a.md", bad).is_some(), "{bad}");
    }
}
