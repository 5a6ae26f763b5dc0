//! Runs programs at the root of the repository.

use std::env;
use std::ffi::OsString;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;

/// A program to run, as a person would type it.
#[derive(Debug)]
pub(crate) struct Step {
    program: &'static str,
    args: Vec<String>,
    /// At most a few, shown before the program like a shell does.
    vars: Vec<(String, String)>,
}

impl Step {
    /// Makes a step from a command line without quotes; `vars` are added to its environment.
    pub(crate) fn new(vars: &[(&'static str, &'static str)], line: &'static str) -> Self {
        let (program, args) = line.split_once(' ').unwrap_or((line, ""));
        Self { program, args: args.split_whitespace().map(str::to_owned).collect(), vars: Vec::new() }
            .vars(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    /// Adds to its environment what is not known beforehand.
    pub(crate) fn vars(mut self, vars: impl IntoIterator<Item = (String, String)>) -> Self {
        self.vars.extend(vars);
        self
    }

    /// Adds arguments that are not known beforehand.
    pub(crate) fn args(mut self, args: &[String]) -> Self {
        self.args.extend_from_slice(args);
        self
    }

    /// The command line, to be printed.
    pub(crate) fn shown(&self) -> String {
        let vars = self.vars.iter().map(|(name, value)| format!("{name}='{value}' "));
        let args = self.args.iter().map(|arg| format!(" {arg}"));
        vars.chain([self.program.to_owned()]).chain(args).collect()
    }

    /// The command, ready to be started: at the root, without standard input.
    pub(crate) fn command(&self) -> Command {
        // `cargo run` says which cargo runs us; another one on the PATH would build everything anew.
        let program = match (self.program, env::var_os("CARGO")) {
            ("cargo", Some(cargo)) => cargo,
            (program, _) => OsString::from(program),
        };
        let mut command = Command::new(program);
        command.args(&self.args).envs(self.vars.iter().map(|(name, value)| (name, value))).env("PATH", search_path());
        command.current_dir(root()).stdin(Stdio::null());
        command
    }

    /// Runs the program with our output; fails unless it succeeds.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let status = self.command().status().map_err(|error| Failure::NotStarted(self.shown(), error))?;
        if status.success() { Ok(()) } else { Err(Failure::Unsuccessful(self.shown(), status)) }
    }

    /// Runs the program, and prints its output only if it fails.
    pub(crate) fn run_quietly(&self) -> Result<(), Failure> {
        let output = self.command().output().map_err(|error| Failure::NotStarted(self.shown(), error))?;
        if output.status.success() {
            return Ok(());
        }
        eprint!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Err(Failure::Unsuccessful(self.shown(), output.status))
    }

    /// Runs the program and returns what it wrote to standard output; fails unless it succeeds.
    pub(crate) fn output(&self) -> Result<String, Failure> {
        let output = self.command().stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| Failure::NotStarted(self.shown(), error))?;
        if !output.status.success() {
            return Err(Failure::Unsuccessful(self.shown(), output.status));
        }
        String::from_utf8(output.stdout).map_err(|_| Failure::Output(self.shown(), "did not print UTF-8"))
    }

    /// What the program wrote to standard output if it succeeds, and nothing otherwise. Prints nothing.
    pub(crate) fn answer(&self) -> Option<String> {
        let output = self.command().output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The `PATH`, with `target/tools/bin` first: [`tools`](crate::tools) installs programs there that are missing or too
/// old elsewhere.
fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let entries: Vec<PathBuf> = iter::once(root().join("target/tools/bin")).chain(env::split_paths(&path)).collect();
    // Only an entry with a separator in it cannot be joined: then our own directory has one.
    env::join_paths(entries).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_shown_as_it_would_be_typed() {
        let step = Step::new(&[("RUSTDOCFLAGS", "-D warnings")], "cargo doc --no-deps").args(&["-q".to_owned()]);
        assert_eq!(step.shown(), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps -q");
    }

    #[test]
    fn a_step_passes_its_variables_and_runs_at_the_root() {
        assert_eq!(Step::new(&[("XTASK_TEST", "seen")], "printenv XTASK_TEST").output().expect("runs"), "seen\n");
        assert!(Step::new(&[], "test -f xtask/Cargo.toml").answer().is_some());
    }

    #[test]
    fn a_failing_program_and_a_missing_one_are_told_apart() {
        assert!(matches!(Step::new(&[], "false").run(), Err(Failure::Unsuccessful(..))));
        assert!(matches!(Step::new(&[], "false").output(), Err(Failure::Unsuccessful(..))));
        assert!(matches!(Step::new(&[], "false").run_quietly(), Err(Failure::Unsuccessful(..))));
        let missing = Step::new(&[], "no-such-program-anywhere --version");
        assert!(matches!(missing.run(), Err(Failure::NotStarted(..))));
        assert!(missing.answer().is_none());
    }
}
