//! The commands of a page, block by block.

use std::collections::VecDeque;

use super::{
    not_run::Listed,
    page::{Block, Page},
};

/// The blocks of commands that a page still has, and its other blocks.
pub(super) struct Script {
    page: String,
    commands: VecDeque<String>,
    others: Vec<Block>,
}

impl Script {
    /// All blocks, without the commands that are listed as not run, and without blocks that have only such.
    pub(super) fn of(page: &Page, listed: &mut Listed) -> Self {
        let (commands, others): (Vec<_>, Vec<_>) = page
            .blocks()
            .into_iter()
            .partition(|block| ["sh", "bash", "shell", "console"].contains(&block.language.as_str()));
        let mut run = |block: Block| -> String {
            commands_of(&block).into_iter().filter(|command| !listed.has(&page.name, command)).collect()
        };
        let commands = commands.into_iter().map(&mut run).filter(|block| !block.trim().is_empty()).collect();
        Self { page: page.name.clone(), commands, others }
    }

    /// The next block, which has `part` in it: a page that changes must not be typed in another story.
    pub(super) fn next(&mut self, part: &str) -> String {
        let block = self.commands.pop_front().unwrap_or_else(|| panic!("{}: no block has {part:?}", self.page));
        assert!(block.contains(part), "{}: the next block has no {part:?}:\n{block}", self.page);
        block
    }

    /// The block that has `part` in it, wherever it is: for a program that no other block needs.
    pub(super) fn take(&mut self, part: &str) -> String {
        let place = self.commands.iter().position(|block| block.contains(part));
        let block = place.and_then(|place| self.commands.remove(place));
        block.unwrap_or_else(|| panic!("{}: no block has {part:?}", self.page))
    }

    /// The first block of a language that has `part` in it.
    pub(super) fn text(&self, language: &str, part: &str) -> &str {
        let found = self.others.iter().find(|block| block.language == language && block.code.contains(part));
        &found.unwrap_or_else(|| panic!("{}: no {language} has {part:?}", self.page)).code
    }

    /// The page's name.
    pub(super) fn page(&self) -> &str {
        &self.page
    }

    /// Fails when something was not typed.
    pub(super) fn end(&self) {
        let Self { page, commands, .. } = self;
        assert!(commands.is_empty(), "{page}: type these in a story, or list them in not_run.rs: {commands:#?}");
    }
}

/// The commands of a block, each with its further lines. In a block of the language `console` they follow a `$`, and the
/// other lines are what is printed.
fn commands_of(block: &Block) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    for line in block.code.split_inclusive('\n') {
        match commands.last_mut().filter(|last| last.ends_with("\\\n")) {
            Some(last) => last.push_str(line),
            None if block.language == "console" && !line.starts_with("$ ") => {}
            None => commands.push(line.to_owned()),
        }
    }
    commands
}
