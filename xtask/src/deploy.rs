//! `cargo xtask deploy`: what `deploy/` has for those who run the server.

mod archive;
mod image;
mod systemd;

use crate::clients;
use crate::failure::Failure;
use crate::step::Step;
use crate::test;
use crate::tools::{self, DEPLOY_TESTS};

/// Checks everything in `deploy/`; `--image` also builds the container image and starts it.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let image = match args {
        [] => false,
        [flag] if flag == "--image" => true,
        other => return Err(Failure::Usage(format!("`deploy` takes only `--image`, not `{}`", other.join(" ")))),
    };
    let buildah = if image { tools::BUILDAH } else { &[] };
    tools::ensure(tools::DEPLOY.iter().chain(tools::GO).chain(buildah))?;
    println!("deploy: systemd unit");
    systemd::check()?;
    println!("deploy: alert rules");
    Step::new(&[], "promtool check rules deploy/prometheus/alerts.yaml").run()?;
    Step::new(&[], "promtool test rules deploy/prometheus/alerts_test.yaml").run()?;
    println!("deploy: workflows");
    Step::new(&[], "actionlint").run()?;
    println!("deploy: archive of a release");
    Step::new(&[], test::BUILD).run()?;
    archive::check()?;
    println!("deploy: chart, compose file and dashboard");
    let formatted = Step::new(&[], "gofmt -l").args(&[DEPLOY_TESTS.to_owned()]).output()?;
    if !formatted.is_empty() {
        let files = formatted.lines().map(str::to_owned).collect();
        return Err(Failure::Problems("these files are not formatted: run gofmt -w", files));
    }
    Step::new(&[], "go -C deploy/tests vet ./...").run()?;
    clients::against_server("go".to_owned(), &TESTS.map(str::to_owned))?.run()?;
    if image {
        println!("deploy: image");
        image::check()?;
    }
    println!("deploy: all checks passed");
    Ok(())
}

/// What they check is read by other programs, so Go's cache would not notice a change.
const TESTS: [&str; 5] = ["-C", DEPLOY_TESTS, "test", "-count=1", "./..."];
