//! The systemd unit: it has no key or value that systemd does not know, and its exposure stays low.

use std::fs;
use std::process::Output;

use crate::failure::Failure;
use crate::step::{Step, root};

const UNIT: &str = "deploy/systemd/signoff.service";
const USERS: &str = "deploy/systemd/signoff.sysusers";

/// The unit starts this program, which need not be installed here.
const PROGRAM: &str = "/usr/bin/signoff ";

/// Highest exposure, in tenths, as `systemd-analyze security` scores it from 0 to 10. It was 1.0 with systemd 252.
const EXPOSURE_MAX: &str = "15";

/// Checks the unit and its user.
pub(super) fn check() -> Result<(), Failure> {
    let failed = |error| Failure::File(UNIT.into(), error);
    let text = fs::read_to_string(root().join(UNIT)).map_err(failed)?;
    let directory = root().join("target/deploy");
    fs::create_dir_all(&directory).map_err(failed)?;
    let copy = directory.join("signoff.service");
    fs::write(&copy, text.replace(PROGRAM, "/bin/true ")).map_err(failed)?;
    let copy = [copy.display().to_string()];

    // It warns about what it ignores, and succeeds.
    silent(&Step::new(&[], "systemd-analyze verify --man=no").args(&copy))?;
    let security = "systemd-analyze security --no-pager --offline=true --threshold";
    Step::new(&[], security).args(&[EXPOSURE_MAX.to_owned()]).args(&copy).run_quietly()?;
    // A relative path would be looked for in the directories of the system.
    let users = root().join(USERS).display().to_string();
    Step::new(&[], "systemd-sysusers --dry-run").args(&[users]).run_quietly()
}

/// Runs a program that succeeds and prints nothing.
fn silent(step: &Step) -> Result<(), Failure> {
    let Output { status, stdout, stderr } =
        step.command().output().map_err(|error| Failure::NotStarted(step.shown(), error))?;
    if !status.success() {
        eprint!("{}", String::from_utf8_lossy(&stderr));
        return Err(Failure::Unsuccessful(step.shown(), status));
    }
    let printed = [stdout, stderr].concat();
    let lines: Vec<_> = String::from_utf8_lossy(&printed).lines().map(str::to_owned).collect();
    if lines.is_empty() { Ok(()) } else { Err(Failure::Problems("the systemd unit has problems", lines)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_a_failure_even_if_the_program_succeeds() {
        silent(&Step::new(&[], "true")).expect("it prints nothing");
        let warns = Step::new(&[], "sh -c").args(&["echo unknown key >&2".to_owned()]);
        assert!(silent(&warns).expect_err("it warns").to_string().contains("unknown key"));
        assert!(matches!(silent(&Step::new(&[], "false")), Err(Failure::Unsuccessful(..))));
    }

    #[test]
    fn the_unit_starts_the_program() {
        let text = fs::read_to_string(root().join(UNIT)).expect("the unit");
        assert_eq!(text.matches(PROGRAM).count(), 1);
        assert!(text.contains(&format!("\nExecStart={PROGRAM}serve ")), "{text}");
    }
}
