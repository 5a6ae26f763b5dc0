//! Programs that must be there, and how to get them.

use crate::failure::Failure;
use crate::step::Step;

/// A tool: its name, a command that succeeds when it is there, and how to install it.
pub(crate) type Tool = (&'static str, &'static str, &'static str);

/// What the OpenID provider of the tests and the TypeScript client run on.
pub(crate) const NODE: &[Tool] = &[
    ("node", "node --version", "see https://nodejs.org; 20.3 or later"),
    ("npm", "npm --version", "it comes with node"),
];

/// What the Python client is tested with.
pub(crate) const PYTHON: &[Tool] =
    &[("python3 with venv", "python3 -m ensurepip --version", "apt-get install python3-venv; 3.10 or later")];

/// What the Go client is tested with.
pub(crate) const GO: &[Tool] = &[("go", "go version", "see https://go.dev/dl; what clients/go/go.mod says, or later")];

/// What the Java client is tested with.
pub(crate) const JAVA: &[Tool] = &[
    ("javac", "javac --version", "apt-get install openjdk-17-jdk-headless; 17 or later"),
    ("mvn", "mvn --version", "apt-get install maven; 3.8 or later"),
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
