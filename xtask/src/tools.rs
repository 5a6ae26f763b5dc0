//! Programs that must be there, and how to get them.

use crate::failure::Failure;
use crate::step::Step;

/// A tool: its name, a command that succeeds when it is there, and how to install it.
pub(crate) type Tool = (&'static str, &'static str, &'static str);

/// What the OpenID provider of the tests runs on.
pub(crate) const NODE: &[Tool] = &[
    ("node", "node --version", "apt-get install nodejs, or see https://nodejs.org; 18 or later"),
    ("npm", "npm --version", "apt-get install npm, or see https://nodejs.org"),
];

/// Fails with the name of every tool that is not there.
pub(crate) fn find(tools: &[Tool]) -> Result<(), Failure> {
    let missing = tools.iter().filter(|(_, probe, _)| !Step::new(&[], probe).works());
    let missing: Vec<_> = missing.map(|&(name, _, install)| (name, install)).collect();
    if missing.is_empty() { Ok(()) } else { Err(Failure::ToolsMissing(missing)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_tool_is_named_with_how_to_install_it() {
        let tools: &[Tool] = &[
            ("there", "true", "nothing to do"),
            ("first", "no-such-program-a", "get a"),
            ("second", "no-such-program-b --version", "get b"),
        ];
        let text = find(tools).expect_err("two are missing").to_string();
        assert!(text.contains("first: get a") && text.contains("second: get b"), "{text}");
        assert!(!text.contains("there: "), "{text}");
    }
}
