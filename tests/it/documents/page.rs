//! A page of the documentation, as GitHub reads it.

use std::{
    collections::{HashMap, HashSet},
    process::Command,
};

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd};

/// The files that git tracks, relative to the root.
pub(super) fn tracked() -> Vec<String> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let listed = listed.expect("git lists files");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    String::from_utf8(listed.stdout).unwrap().split_terminator('\0').map(str::to_owned).collect()
}

/// A page and its text.
pub(super) struct Page {
    /// Its path from the root of the repository.
    pub(super) name: String,
    text: String,
}

/// A fenced block of code.
pub(super) struct Block {
    /// The first word after the fence.
    pub(super) language: String,
    pub(super) code: String,
}

/// A link, and the line of the page that has it.
pub(super) struct Link {
    pub(super) line: usize,
    pub(super) target: String,
}

impl Page {
    pub(super) fn read(name: &str) -> Self {
        let text = crate::files::text(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).expect(name);
        Self { name: name.to_owned(), text }
    }

    /// Its lines as they are written.
    pub(super) fn lines(&self) -> std::str::Lines<'_> {
        self.text.lines()
    }

    fn events(&self) -> impl Iterator<Item = (Event<'_>, std::ops::Range<usize>)> {
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
        Parser::new_ext(&self.text, options).into_offset_iter()
    }

    /// The fenced blocks in their order.
    pub(super) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for (event, _) in self.events() {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    let language = info.split([' ', ',']).next().unwrap_or_default().to_owned();
                    open = Some(Block { language, code: String::new() });
                }
                Event::Text(text) => {
                    if let Some(block) = &mut open {
                        block.code.push_str(&text);
                    }
                }
                Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
                _ => {}
            }
        }
        blocks
    }

    /// The links and images in their order.
    pub(super) fn links(&self) -> Vec<Link> {
        let target = |event: Event<'_>| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => Some(dest_url.to_string()),
            _ => None,
        };
        let line = |at: usize| self.text[..at].matches('\n').count() + 1;
        self.events()
            .filter_map(|(event, range)| target(event).map(|target| Link { line: line(range.start), target }))
            .collect()
    }

    /// The anchors that GitHub gives to the headings.
    pub(super) fn anchors(&self) -> HashSet<String> {
        let (mut anchors, mut counts) = (HashSet::new(), HashMap::<String, usize>::new());
        let mut heading: Option<String> = None;
        for (event, _) in self.events() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) => add(&mut heading, &text),
                Event::End(TagEnd::Heading(_)) => {
                    let slug = slug(&heading.take().unwrap_or_default());
                    let before = counts.entry(slug.clone()).or_default();
                    anchors.insert(if *before == 0 { slug } else { format!("{slug}-{before}") });
                    *before += 1;
                }
                _ => {}
            }
        }
        anchors
    }
}

fn add(heading: &mut Option<String>, text: &CowStr<'_>) {
    if let Some(heading) = heading {
        heading.push_str(text);
    }
}

/// Letters and digits in lower case, `_` and `-`; a blank becomes `-`, and the rest is left out.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn a_page_has_the_anchors_links_and_blocks_that_github_shows() {
    let text = "# The `signoff` command, *twice*!\n## Überall: STREAM_AGED\n## A\n## A\n\n```sh title\n[no](link.md)\n```\n\n\
                | a |\n|---|\n| [x](y.md#z) |\n\n`[code](not.md)` [one]\n\n[one]: two.md\n";
    let page = Page { name: "page.md".to_owned(), text: text.to_owned() };
    let anchors = ["the-signoff-command-twice", "überall-stream_aged", "a", "a-1"];
    assert_eq!(page.anchors(), anchors.map(str::to_owned).into());
    let links: Vec<_> = page.links().into_iter().map(|link| (link.line, link.target)).collect();
    assert_eq!(links, [(12, "y.md#z".to_owned()), (14, "two.md".to_owned())]);
    let [block] = &page.blocks()[..] else { panic!("one block") };
    assert_eq!((block.language.as_str(), block.code.as_str()), ("sh", "[no](link.md)\n"));
}
