//! `signoff config check`: every problem in the settings and the files that they name.

use std::process::ExitCode;

use crate::{
    config::{self, ServeFlags},
    server,
};

/// Prints every problem and exits 2, like `serve`. Without problems, prints each setting and its source.
pub(super) async fn config_check(flags: &ServeFlags) -> ExitCode {
    let environment: Vec<_> = config::environment().collect();
    let (config, problems) = match config::load(flags, environment.iter().cloned()) {
        Ok(config) => (config, Vec::new()),
        Err(errors) => (errors.readable().clone(), errors.problems().iter().map(ToString::to_string).collect()),
    };
    let problems: Vec<String> = problems.into_iter().chain(server::check_files(&config).await).collect();
    if problems.is_empty() {
        // Cannot fail: the same settings were just loaded.
        anstream::print!("{}", config::check(flags, environment).unwrap_or_default());
        return ExitCode::SUCCESS;
    }
    for problem in problems {
        anstream::eprintln!("{problem}");
    }
    ExitCode::from(2)
}
