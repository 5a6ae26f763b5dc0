//! The clients in other languages. Scripts in `clients/LANGUAGE/scripts` set up a client, generate its stubs and test
//! it.

use std::env;

use crate::failure::Failure;
use crate::step::Step;
use crate::tools::{self, Tool};

/// A client: its directory under `clients/`, whether its stubs are committed, whether it has adapters for agent
/// frameworks, and the tools that it needs.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) name: &'static str,
    pub(crate) commits_stubs: bool,
    pub(crate) has_adapters: bool,
    pub(crate) tools: &'static [Tool],
}

/// All clients but the Rust one, which is a crate of the workspace.
pub(crate) const CLIENTS: &[Client] = &[
    Client { name: "python", commits_stubs: true, has_adapters: true, tools: tools::PYTHON },
    Client { name: "typescript", commits_stubs: true, has_adapters: true, tools: tools::NODE },
    Client { name: "go", commits_stubs: true, has_adapters: false, tools: tools::GO },
    Client { name: "java", commits_stubs: false, has_adapters: true, tools: tools::JAVA },
];

/// The named clients, or all if `names` is empty.
pub(crate) fn named(names: &[String]) -> Result<Vec<&'static Client>, Failure> {
    if names.is_empty() {
        return Ok(CLIENTS.iter().collect());
    }
    let find = |name: &String| {
        let all: Vec<_> = CLIENTS.iter().map(|client| client.name).collect();
        let unknown = || Failure::Usage(format!("unknown client `{name}`; allowed: {}", all.join(", ")));
        CLIENTS.iter().find(|client| client.name == name).ok_or_else(unknown)
    };
    names.iter().map(find).collect()
}

impl Client {
    fn script(&self, name: &str) -> String {
        format!("clients/{}/scripts/{name}", self.name)
    }

    /// Installs what it needs into its own directory, unless it is there.
    pub(crate) fn set_up(&self) -> Result<(), Failure> {
        Step::new(&[], "bash").args(&[self.script("setup")]).run()
    }

    /// Writes its generated files into `directory`, with paths as in its own.
    pub(crate) fn generate(&self, directory: &str) -> Result<(), Failure> {
        Step::new(&[], "bash").args(&[self.script("generate"), directory.to_owned()]).run()
    }

    /// Its tests, against the server that was built beside this program.
    pub(crate) fn tests(&self) -> Result<Step, Failure> {
        self.with_server("test", &[])
    }

    /// The tests of its adapters, or of those of a framework, or of one version of it. [`tests`](Self::tests) has them
    /// too, but for the largest.
    pub(crate) fn adapters(&self, args: &[String]) -> Result<Step, Failure> {
        self.with_server("adapters", args)
    }

    fn with_server(&self, script: &str, args: &[String]) -> Result<Step, Failure> {
        against_server(self.script(script), args)
    }
}

/// A script that tests the server which was built beside this program.
pub(crate) fn against_server(script: String, args: &[String]) -> Result<Step, Failure> {
    let here = env::current_exe().map_err(|error| Failure::File("xtask".into(), error))?;
    let server = here.with_file_name("signoff");
    let command = [format!("SIGNOFF_BIN={}", server.display()), script];
    Ok(Step::new(&[], "env").args(&command).args(args))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::root;

    #[test]
    fn every_client_has_the_scripts_that_it_is_run_by() {
        for client in CLIENTS {
            let generate = client.commits_stubs.then_some("generate");
            let adapters = client.has_adapters.then_some("adapters");
            for script in ["setup", "test"].into_iter().chain(generate).chain(adapters) {
                let path = root().join(client.script(script));
                assert!(path.is_file(), "{}", path.display());
            }
        }
    }

    #[test]
    fn clients_are_named_or_all() {
        assert_eq!(named(&[]).expect("all").len(), CLIENTS.len());
        let some = named(&["go".to_owned()]).expect("it is there");
        assert_eq!(some.iter().map(|client| client.name).collect::<Vec<_>>(), ["go"]);
        let failure = named(&["cobol".to_owned()]).expect_err("not yet").to_string();
        assert!(failure.contains("cobol") && failure.contains("typescript"), "{failure}");
    }
}
