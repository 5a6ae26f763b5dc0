//! Merges the sources, and checks that the settings fit together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::channels::{self, Channels};
use super::entry::Entry;
use super::error::{ConfigError, ConfigErrors, Place};
use super::sources::{ServeFlags, config_file, read_environment, read_flags};
use super::table::{Setting, TABLE};
use super::{Config, OidcSettings, ReflectionAccess, file};
use crate::domain::Role;
use crate::identity::oidc::OidcConfig;
use crate::spelling::closest;

const ISSUER: &str = "oidc.issuer";
const CERTIFICATES: [(&str, Role); 4] = [
    ("certificates.agent", Role::Agent),
    ("certificates.reviewer", Role::Reviewer),
    ("certificates.auditor", Role::Auditor),
    ("certificates.operator", Role::Operator),
];

/// The configuration of a server: flags override the environment, which overrides the file, which overrides defaults.
///
/// `env` is the whole environment, as [`environment`](super::environment) returns it: `SIGNOFF_…`, and
/// `XDG_STATE_HOME` and `HOME` for the data directory of development mode.
///
/// # Errors
/// All problems of all sources.
pub fn load(flags: &ServeFlags, env: impl IntoIterator<Item = (String, String)>) -> Result<Config, ConfigErrors> {
    resolve(flags, env).map(|resolved| resolved.config)
}

/// The result of [`load`] for people: one line per setting with its value and its place. The text is TOML, and loads
/// as the same configuration, but it has only the scheme and the host of a channel's `url`: the rest can be a secret.
///
/// # Errors
/// As [`load`].
pub fn check(flags: &ServeFlags, env: impl IntoIterator<Item = (String, String)>) -> Result<String, ConfigErrors> {
    resolve(flags, env).map(Resolved::into_text)
}

struct Resolved {
    config: Config,
    /// The place of each setting that is set.
    places: BTreeMap<&'static str, Place>,
    /// Settings with rejected values: checks of several settings skip them.
    refused: Vec<&'static str>,
    /// The channels of the file.
    channels: Channels,
    problems: Vec<ConfigError>,
}

fn resolve(flags: &ServeFlags, env: impl IntoIterator<Item = (String, String)>) -> Result<Resolved, ConfigErrors> {
    let env: Vec<_> = env.into_iter().collect();
    let mut resolved = Resolved {
        config: Config::default(),
        places: BTreeMap::new(),
        refused: Vec::new(),
        channels: Channels::default(),
        problems: Vec::new(),
    };

    let mut channels = Channels::default();
    if let Some((path, place)) = config_file(flags, &env) {
        resolved.apply(|entries, problems| file::read(&path, place, &mut channels, entries, problems));
    }
    resolved.apply(|entries, problems| read_environment(&env, &channels.variables, entries, problems));
    resolved.apply(|entries, problems| read_flags(flags, entries, problems));
    resolved.config.channels = std::mem::take(&mut channels.settings);
    resolved.channels = channels;

    // An unreadable file may have the settings that these checks would report as missing.
    if !resolved.problems.iter().any(|problem| matches!(problem, ConfigError::Unreadable { .. })) {
        resolved.default_data_dir(&env);
        resolved.default_reflection();
        resolved.check_dev();
        resolved.check_oidc();
        resolved.check_sign_in();
        resolved.check_tls();
        resolved.check_store();
        resolved.check_timeouts();
        resolved.check_notify_default();
    }
    if resolved.problems.is_empty() {
        return Ok(resolved);
    }
    Err(ConfigErrors::new(resolved.problems, resolved.config))
}

impl Resolved {
    /// Applies one source, which overrides the earlier ones.
    fn apply(&mut self, read: impl FnOnce(&mut Vec<Entry>, &mut Vec<ConfigError>)) {
        let (mut entries, mut problems) = (Vec::new(), Vec::new());
        read(&mut entries, &mut problems);
        let mut seen = BTreeMap::new();
        for Entry { setting, given, place } in entries {
            let key = setting.key;
            if let Some(first) = seen.insert(key, place.clone()) {
                problems.push(ConfigError::Twice { place: place.clone(), key, first });
            }
            if let Err(given) = setting.kind.fill(&mut self.config, given) {
                self.refused.push(key);
                let (key, allowed) = (key.to_owned(), setting.kind.allowed());
                problems.push(ConfigError::NotAllowed { place: place.clone(), key, given, allowed });
            }
            self.places.insert(key, place);
        }
        problems.sort_by(|one, other| one.place().cmp(&other.place()));
        // The parser's recovered value at a syntax error is not a second problem.
        problems.dedup_by(|later, earlier| {
            matches!(earlier, ConfigError::Syntax { .. }) && earlier.place() == later.place()
        });
        self.problems.append(&mut problems);
    }

    /// Whether none of these settings was rejected.
    fn sound(&self, keys: &[&str]) -> bool {
        !keys.iter().any(|key| self.refused.contains(key))
    }

    /// The place of the first of these settings that is set.
    fn place(&self, keys: &[&str]) -> Place {
        keys.iter().find_map(|key| self.places.get(key)).cloned().unwrap_or(Place::Default)
    }

    /// Separates the data of development mode from the working directory and from other servers.
    fn default_data_dir(&mut self, env: &[(String, String)]) {
        if !self.config.dev || !self.sound(&["dev"]) || self.places.contains_key("data_dir") {
            return;
        }
        let directory = |variable: &str| {
            let (_, value) = env.iter().find(|(name, _)| name == variable)?;
            // The XDG specification requires that relative paths are ignored.
            let usable = Path::new(value).is_absolute() && !value.contains(char::REPLACEMENT_CHARACTER);
            usable.then(|| PathBuf::from(value))
        };
        let state = directory("XDG_STATE_HOME").or_else(|| directory("HOME").map(|home| home.join(".local/state")));
        match state {
            Some(state) => self.config.data_dir = state.join("signoff/dev"),
            None => self.problems.push(ConfigError::NoDataDirectory),
        }
    }

    /// In development mode, which listens on loopback only, tools can read the API without a token.
    fn default_reflection(&mut self) {
        if self.config.dev && !self.places.contains_key("reflection") {
            self.config.reflection = ReflectionAccess::Open;
        }
    }

    /// Development mode must listen on loopback.
    fn check_dev(&mut self) {
        let Config { dev, listen, .. } = self.config;
        if dev && self.sound(&["dev", "listen"]) && !listen.ip().to_canonical().is_loopback() {
            self.problems.push(ConfigError::NotLoopback { place: self.place(&["listen"]), listen });
        }
    }

    /// Tokens of the provider can be verified, and grant a role.
    fn check_oidc(&mut self) {
        let Some(verifier) = self.config.oidc.verifier() else { return };
        let place = self.place(&[ISSUER]);
        if let Err(error) = verifier.check() {
            self.problems.push(ConfigError::Oidc { place: place.clone(), problem: error.to_string() });
        }
        let roles = ["roles.agent", "roles.reviewer", "roles.auditor", "roles.operator"];
        if !self.config.dev && self.sound(&roles) && Role::ALL.iter().all(|role| self.config.roles.of(*role).is_empty())
        {
            self.problems.push(ConfigError::NoRoles { place });
        }
    }

    /// People can sign in with OpenID: the provider is known, and can send them back.
    fn check_sign_in(&mut self) {
        const CLIENT: &str = "oidc.client_id";
        const SECRET: &str = "oidc.client_secret_file";
        const SCOPES: &str = "oidc.scopes";
        const PUBLIC: &str = "public_url";
        if !self.sound(&[CLIENT, SECRET, SCOPES, PUBLIC, ISSUER, "dev"]) {
            return;
        }
        let Config { dev, oidc, public_url, .. } = &self.config;
        let (client, secret) = (oidc.client_id.is_some(), oidc.client_secret_file.is_some());
        let needs = [
            (CLIENT, client, ISSUER, oidc.issuer.is_some()),
            // In development mode, the address that it listens on is the public one.
            (CLIENT, client, PUBLIC, public_url.is_some() || *dev),
            (SECRET, secret, CLIENT, client),
            (SCOPES, oidc.scopes != OidcSettings::default().scopes, CLIENT, client),
        ];
        let missing = needs.into_iter().filter(|(_, given, _, needed)| *given && !needed);
        let needs = missing.map(|(key, _, needs, _)| ConfigError::Needs { place: self.place(&[key]), key, needs });
        let mut problems: Vec<_> = needs.collect();
        // With keys by discovery, `check_oidc` has the same rule.
        if let (true, Some(issuer), Some(_)) = (client, &oidc.issuer, &oidc.keys)
            && let Err(error) = OidcConfig::new(issuer, "signoff").check()
        {
            let problem = format!("{error}, because sign-in reads its discovery document");
            problems.push(ConfigError::Oidc { place: self.place(&[ISSUER]), problem });
        }
        self.problems.append(&mut problems);
    }

    /// Settings of a database are set with one.
    fn check_store(&mut self) {
        const STORE: &str = "store";
        let Config { store, store_password_file, require_synchronous, .. } = &self.config;
        if store.is_some() || !self.sound(&[STORE]) {
            return;
        }
        let given =
            [("store_password_file", store_password_file.is_some()), ("require_synchronous", *require_synchronous)];
        for (key, _) in given.into_iter().filter(|(_, given)| *given) {
            self.problems.push(ConfigError::Needs { place: self.place(&[key]), key, needs: STORE });
        }
    }

    /// Settings that require each other are set together, and plaintext beyond loopback is explicit.
    fn check_tls(&mut self) {
        const CERTIFICATE: &str = "tls.certificate";
        const KEY: &str = "tls.key";
        const CLIENT_CA: &str = "tls.client_ca";
        const REQUIRE: &str = "tls.require_client_certificate";
        const PLAINTEXT: &str = "plaintext";
        if !self.sound(&[CERTIFICATE, KEY, CLIENT_CA, REQUIRE, PLAINTEXT, "listen", "dev"]) {
            return;
        }
        let Config { dev, listen, plaintext, tls, certificates, .. } = &self.config;
        let (certificate, client_ca) = (tls.certificate.is_some(), tls.client_ca.is_some());
        let needs = [
            (CERTIFICATE, certificate, KEY, tls.key.is_some()),
            (KEY, tls.key.is_some(), CERTIFICATE, certificate),
            (CLIENT_CA, client_ca, CERTIFICATE, certificate),
            (REQUIRE, tls.require_client_certificate, CLIENT_CA, client_ca),
        ];
        // Without a CA, the server requests no client certificates.
        let names = CERTIFICATES.map(|(key, role)| (key, !certificates.of(role).is_empty(), CLIENT_CA, client_ca));
        let missing = needs.into_iter().chain(names).filter(|(_, given, _, needed)| *given && !needed);
        let needs = missing.map(|(key, _, needs, _)| ConfigError::Needs { place: self.place(&[key]), key, needs });
        let mut problems: Vec<_> = needs.collect();
        if certificate && *plaintext {
            problems.push(ConfigError::PlaintextWithTls { place: self.place(&[PLAINTEXT]) });
        }
        // `check_dev` has the stricter rule for development mode.
        if !dev && !certificate && !plaintext && !listen.ip().to_canonical().is_loopback() {
            problems.push(ConfigError::Plaintext { place: self.place(&["listen"]), listen: *listen });
        }
        self.problems.append(&mut problems);
    }

    fn check_timeouts(&mut self) {
        const MIN: &str = "limits.timeout_min";
        const MAX: &str = "limits.timeout_max";
        const DEFAULT: &str = "limits.timeout_default";
        let (min, max) = (self.config.limits.request.timeout_min, self.config.limits.request.timeout_max);
        let default = self.config.limits.request.timeout_default;
        if !self.sound(&[MIN, MAX, DEFAULT]) {
            return;
        }
        if min > max {
            self.problems.push(ConfigError::TimeoutMin { place: self.place(&[MIN, MAX]), min, max });
        } else if !(min..=max).contains(&default) {
            let place = self.place(&[DEFAULT, if default > max { MAX } else { MIN }]);
            self.problems.push(ConfigError::TimeoutDefault { place, default, min, max });
        }
    }

    /// Every default channel is configured. One whose table is wrong is, and is reported already.
    fn check_notify_default(&mut self) {
        const DEFAULT: &str = "notify.default";
        let known = &self.channels.places;
        for name in self.config.notify_default.iter().filter(|name| !known.contains_key(name)) {
            let names = || known.keys().map(ToString::to_string);
            let hint = match closest(name.as_str(), names()) {
                Some(similar) => format!("did you mean {similar}?"),
                None if known.is_empty() => format!("add a table [channels.{name}] to the configuration file"),
                None => format!("configured: {}", names().collect::<Vec<_>>().join(", ")),
            };
            let (place, name) = (self.place(&[DEFAULT]), name.clone());
            self.problems.push(ConfigError::NoChannel { place, name, hint });
        }
    }

    fn into_text(mut self) -> String {
        let line = |setting: &Setting| {
            let value = match setting.kind.literal(&mut self.config) {
                Some(literal) => format!("{} = {literal}", setting.key),
                None => format!("# {} is not set", setting.key),
            };
            (value, self.places.get(setting.key).unwrap_or(&Place::Default))
        };
        let lines: Vec<_> = TABLE.iter().map(line).collect();
        let mut text = aligned(&lines);
        for settings in &self.config.channels {
            let places = self.channels.places.get(&settings.name);
            let place = |field: String| places.and_then(|places| places.get(&field)).unwrap_or(&Place::Default);
            let lines: Vec<_> =
                channels::lines(settings).into_iter().map(|(value, field)| (value, place(field))).collect();
            text.push_str(&aligned(&lines));
        }
        text
    }
}

/// One line for each value, with its place.
fn aligned(lines: &[(String, &Place)]) -> String {
    let width = lines.iter().map(|(value, _)| value.chars().count()).max().unwrap_or(0);
    lines.iter().map(|(value, place)| format!("{value:width$}  # {place}\n")).collect()
}
