//! `signoff config check`: everything that is wrong with the settings and the files that they name.

use std::process::ExitCode;

use crate::{
    config::{self, ServeFlags},
    server,
};

/// Prints each setting and where it comes from, or every problem. Exits 2 when there is one, like `serve`.
pub async fn config_check(flags: &ServeFlags) -> ExitCode {
    let environment: Vec<_> = config::environment().collect();
    let (config, problems) = match config::load(flags, environment.iter().cloned()) {
        Ok(config) => (config, Vec::new()),
        Err(errors) => (errors.readable().clone(), errors.problems().iter().map(ToString::to_string).collect()),
    };
    let problems: Vec<String> = problems.into_iter().chain(server::check_files(&config).await).collect();
    if problems.is_empty() {
        // It was loaded a moment ago.
        anstream::print!("{}", config::check(flags, environment).unwrap_or_default());
        return ExitCode::SUCCESS;
    }
    for problem in problems {
        anstream::eprintln!("{problem}");
    }
    ExitCode::from(2)
}
