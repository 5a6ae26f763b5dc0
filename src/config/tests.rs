//! Tests of the configuration as its users see it.

use std::io::Write as _;

use super::{Config, ConfigErrors, ReflectionAccess, ServeFlags, check, load};

mod channels;
mod documented;
mod places;
mod settings;
mod variables;

/// Flags for development mode with these `--set`s: the server starts.
fn dev(set: &[&str]) -> ServeFlags {
    ServeFlags {
        dev: Some("true".to_owned()),
        set: set.iter().map(ToString::to_string).collect(),
        ..Default::default()
    }
}

/// An environment with a home and these variables.
fn env(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    let home = [("HOME", "/home/op")];
    home.iter().chain(variables).map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// The configuration of development mode without other settings.
fn dev_defaults() -> Config {
    Config {
        dev: true,
        data_dir: "/home/op/.local/state/signoff/dev".into(),
        reflection: ReflectionAccess::Open,
        ..Config::default()
    }
}

/// Loads a file with this text; its path is shown as `signoff.toml`.
fn load_file(text: &str, mut flags: ServeFlags, env: Vec<(String, String)>) -> Result<Config, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    flags.config = Some(path.clone());
    load(&flags, env).map_err(|errors| errors.to_string().replace(&path, "signoff.toml"))
}

fn message(result: Result<Config, ConfigErrors>) -> String {
    result.map_or_else(|errors| errors.to_string(), |config| panic!("not rejected: {config:?}"))
}
