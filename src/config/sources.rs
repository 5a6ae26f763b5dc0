//! Flags and environment variables.

use std::collections::BTreeSet;

use super::channels::CHANNELS;
use super::entry::Entry;
use super::error::{ConfigError, Place};
use super::raw_value::{RawValue, shown};
use super::service_variables::is_service_variable;
use super::table::{Setting, TABLE, help};
use crate::spelling::closest;

/// Variable with the path of the configuration file; its flag is `--config`.
pub(super) const CONFIG_VARIABLE: &str = "SIGNOFF_CONFIG";
/// Variables that clients read and `signoff exec` sets. A server may run in the same environment, and ignores them.
pub(super) const CLIENT_VARIABLES: [&str; 8] = [
    "SIGNOFF_ADDRESS",
    "SIGNOFF_APPROVAL_ID",
    "SIGNOFF_ARGUMENTS",
    "SIGNOFF_CA",
    "SIGNOFF_CERTIFICATE",
    "SIGNOFF_INSECURE",
    "SIGNOFF_KEY",
    "SIGNOFF_TOKEN",
];

/// Names that other servers use for parts of their address; `SIGNOFF_LISTEN` has the whole address.
const ADDRESS_VARIABLES: [&str; 3] = ["SIGNOFF_BIND", "SIGNOFF_HOST", "SIGNOFF_PORT"];

/// Variables that would define channels, if variables could.
const CHANNELS_VARIABLE: &str = "SIGNOFF_CHANNELS";
const CHANNEL_VARIABLES: &str = "SIGNOFF_CHANNELS_";

/// Flags of `signoff serve` and `signoff config check`. Their values are text: [`load`](super::load) parses them, and
/// reports their problems together with those of the other sources.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ServeFlags {
    /// Development mode; `--dev` without a value means `true`.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(help = help("dev"))]
    pub dev: Option<String>,
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDRESS", help = help("listen"))]
    pub listen: Option<String>,
    /// Where the store is.
    #[arg(long, value_name = "URL", help = help("store"))]
    pub store: Option<String>,
    /// Data directory.
    #[arg(long, value_name = "DIRECTORY", help = help("data_dir"))]
    pub data_dir: Option<String>,
    /// YAML file with the policy.
    #[arg(long, value_name = "FILE", help = help("policy"))]
    pub policy: Option<String>,
    /// TOML file with settings [env: SIGNOFF_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// Set any setting by its key, such as `--set heartbeat=5s`; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// The process's environment for [`load`](super::load). Unlike `std::env::vars`, this never panics: text that is not
/// UTF-8 is decoded with replacement characters, which paths reject.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
}

/// The path of the configuration file, and where it was set.
pub(super) fn config_file(flags: &ServeFlags, env: &[(String, String)]) -> Option<(String, Place)> {
    let from_env = || env.iter().find(|(name, _)| name == CONFIG_VARIABLE);
    match &flags.config {
        Some(path) => Some((path.clone(), Place::Flag("--config".to_owned()))),
        None => from_env().map(|(name, path)| (path.clone(), Place::Environment(name.clone()))),
    }
}

/// Adds the settings of `SIGNOFF_…` variables, and a problem for each unknown variable. The variable of a setting is
/// always read: no setting has a name that Kubernetes uses. `secrets` are the variables with secrets of channels.
pub(super) fn read_environment(
    env: &[(String, String)],
    secrets: &BTreeSet<String>,
    entries: &mut Vec<Entry>,
    problems: &mut Vec<ConfigError>,
) {
    let others = || CLIENT_VARIABLES.into_iter().chain([CONFIG_VARIABLE]).chain(secrets.iter().map(String::as_str));
    for (name, value) in env.iter().filter(|(name, _)| name.starts_with("SIGNOFF_")) {
        let place = Place::Environment(name.clone());
        if let Some(setting) = TABLE.iter().find(|setting| setting.variable() == *name) {
            entries.push(Entry { setting, given: RawValue::word(value), place });
        } else if others().any(|other| other == name) || is_service_variable(name, value) {
            // It is for another program, or for Kubernetes, or a secret.
        } else if name == CHANNELS_VARIABLE || name.starts_with(CHANNEL_VARIABLES) {
            problems.push(ConfigError::ChannelsOutsideFile { place });
        } else {
            let known = TABLE.iter().map(Setting::variable).chain(others().map(str::to_owned));
            let listen = ADDRESS_VARIABLES.contains(&name.as_str()).then(|| "SIGNOFF_LISTEN".to_owned());
            problems.push(ConfigError::Unknown {
                place,
                what: "variable".to_owned(),
                suggestion: listen.or_else(|| closest(name, known)),
            });
        }
    }
}

/// Adds the settings of flags, and a problem for each `--set` that is malformed or unknown.
pub(super) fn read_flags(flags: &ServeFlags, entries: &mut Vec<Entry>, problems: &mut Vec<ConfigError>) {
    let own = [
        ("dev", &flags.dev),
        ("listen", &flags.listen),
        ("store", &flags.store),
        ("data_dir", &flags.data_dir),
        ("policy", &flags.policy),
    ];
    for (key, value) in own {
        if let (Some(setting), Some(value)) = (Setting::named(key), value) {
            let place = Place::Flag(setting.flag().unwrap_or_default());
            entries.push(Entry { setting, given: RawValue::word(value), place });
        }
    }
    for set in &flags.set {
        let Some((key, value)) = set.split_once('=') else {
            problems.push(ConfigError::MalformedSet { given: shown(&format!("{set:?}")) });
            continue;
        };
        let place = Place::Flag(format!("--set {}", shown(key)));
        match Setting::named(key) {
            Some(setting) => entries.push(Entry { setting, given: RawValue::word(value), place }),
            None if key == CHANNELS || key.starts_with("channels.") => {
                problems.push(ConfigError::ChannelsOutsideFile { place });
            }
            None => {
                let suggestion = closest(key, TABLE.iter().map(|setting| setting.key.to_owned()));
                problems.push(ConfigError::Unknown { place, what: "key".to_owned(), suggestion });
            }
        }
    }
}
