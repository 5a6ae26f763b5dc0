//! Settings of the kind `email`.

use std::{fmt, net::IpAddr, path::PathBuf, sync::Arc};

use lettre::message::Mailbox;

use super::smtp::{Login, Security, Smtp};
use crate::{
    domain::{Actor, ActorKind},
    notify::{Build, Fields},
};

/// Maximum number of recipients of a channel.
pub(super) const RECIPIENTS_MAX: usize = 32;

/// The settings.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) smtp: Smtp,
    pub(super) from: Mailbox,
    pub(super) recipients: Vec<Recipient>,
    pub(super) requesters: Option<Requesters>,
}

/// Somebody who gets every message of the channel.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Recipient {
    pub(super) mailbox: Mailbox,
    /// Who reads that mailbox, if one person does.
    pub(super) person: Option<Actor>,
}

/// Which persons are notified about the end of requests on their behalf.
///
/// A caller names the person, and with it an address, as it likes. Without limits, an agent could make this server send
/// mail to strangers. So an address must be in a listed domain, and its issuer must be one that names people by their
/// addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Requesters {
    pub(super) issuers: Vec<String>,
    pub(super) domains: Vec<String>,
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mailbox)
    }
}

pub(super) fn parse(fields: &mut Fields) -> Option<Arc<dyn Build>> {
    settings(fields).map(|settings| Arc::new(settings) as Arc<dyn Build>)
}

pub(super) fn settings(fields: &mut Fields) -> Option<Settings> {
    let smtp = smtp(fields);
    let from = fields.required_text("from").and_then(|text| mailbox(fields, "from", &text));
    let recipients = recipients(fields);
    let requesters = requesters(fields);
    Some(Settings { smtp: smtp?, from: from?, recipients: recipients?, requesters: requesters? })
}

fn smtp(fields: &mut Fields) -> Option<Smtp> {
    let host = fields.required_text("host").and_then(|host| {
        let valid = host.parse::<IpAddr>().is_ok()
            || (host.len() <= 253 && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)));
        if !valid {
            fields.problem("host", "must be the name or the address of a host, without a port: set port");
        }
        valid.then_some(host)
    });
    let security = match fields.text("tls").as_deref() {
        None | Some("starttls") => Some(Security::StartTls),
        Some("implicit") => Some(Security::Implicit),
        Some("none") => Some(Security::None),
        Some(_) => {
            fields.problem("tls", "must be \"starttls\", \"implicit\" or \"none\"");
            None
        }
    };
    let port = fields.count("port", 1, u32::from(u16::MAX)).and_then(|port| u16::try_from(port).ok());
    let plaintext_allowed = fields.flag("allow_plaintext").unwrap_or_default();
    let ca_file = fields.text("ca_file").map(PathBuf::from);
    let login = login(fields);
    let (host, security, login) = (host?, security?, login?);
    if security == Security::None && !is_loopback(&host) {
        if !plaintext_allowed {
            let problem = format!(
                "is \"none\", and {host} is not this machine: anybody between could read and change messages; set \
                 allow_plaintext = true if that is intended"
            );
            fields.problem("tls", problem);
        }
        if login.is_some() {
            fields.problem("username", format!("would be sent to {host} without TLS; set tls"));
        }
    }
    if security == Security::None && ca_file.is_some() {
        fields.problem("ca_file", "is set, and tls is \"none\"");
    }
    let port = port.unwrap_or_else(|| security.default_port());
    Some(Smtp { host, port, security, login, ca_file })
}

/// The credentials: `None` inside if there are none.
#[expect(clippy::option_option, reason = "outside: whether the fields are valid")]
fn login(fields: &mut Fields) -> Option<Option<Login>> {
    let (username, password) = (fields.text("username"), fields.secret("password"));
    match (username, password) {
        (Some(username), Some(password)) => Some(Some(Login { username, password })),
        (None, None) => Some(None),
        (Some(_), None) => {
            fields.problem("username", "is set without a password; set password_file or password_env");
            None
        }
        (None, Some(_)) => {
            fields.problem("username", "is missing, and a password is set");
            None
        }
    }
}

fn recipients(fields: &mut Fields) -> Option<Vec<Recipient>> {
    let mut recipients: Vec<Recipient> = Vec::new();
    let mut valid = true;
    let mut add = |fields: &mut Fields, field: &str, text: &str, person: Option<Actor>| {
        let Some(mailbox) = mailbox(fields, field, text) else { return valid = false };
        match recipients.iter_mut().find(|one| one.mailbox.email == mailbox.email) {
            Some(one) => one.person = person.or(one.person.take()),
            None => recipients.push(Recipient { mailbox, person }),
        }
    };
    for text in fields.texts("to") {
        add(fields, "to", &text, None);
    }
    for (address, person) in fields.text_table("people") {
        match person.rsplit_once('/').filter(|(issuer, subject)| !issuer.is_empty() && !subject.is_empty()) {
            Some((issuer, subject)) => {
                let actor = Actor { kind: ActorKind::Person, issuer: issuer.into(), subject: subject.into() };
                add(fields, "people", &address, Some(actor));
            }
            None => {
                fields.problem("people", format!("has {person:?} for {address:?}; must be \"ISSUER/SUBJECT\""));
            }
        }
    }
    if valid && recipients.is_empty() {
        fields.problem("to", "is missing; set to or people: the recipients");
    }
    if recipients.len() > RECIPIENTS_MAX {
        let found = recipients.len();
        fields.problem("to", format!("and people are {found} recipients; at most {RECIPIENTS_MAX} are allowed"));
    }
    valid.then_some(recipients)
}

/// Who is notified at the end: `None` inside if nobody is.
#[expect(clippy::option_option, reason = "outside: whether the fields are valid")]
fn requesters(fields: &mut Fields) -> Option<Option<Requesters>> {
    let told = fields.flag("requester").unwrap_or_default();
    let (issuers, domains) = (fields.texts("requester_issuers"), fields.texts("requester_domains"));
    if !told {
        for (field, values) in [("requester_issuers", &issuers), ("requester_domains", &domains)] {
            if !values.is_empty() {
                fields.problem(field, "is set, and requester is not true");
            }
        }
        return Some(None);
    }
    for (field, values) in [("requester_issuers", &issuers), ("requester_domains", &domains)] {
        if values.is_empty() {
            fields.problem(field, "is missing: callers name the person, so set to which addresses mail may go");
        }
    }
    let domains = domains.into_iter().map(|domain| domain.to_ascii_lowercase()).collect();
    Some(Some(Requesters { issuers, domains }))
}

fn mailbox(fields: &mut Fields, field: &str, text: &str) -> Option<Mailbox> {
    let parsed = text
        .parse()
        .ok()
        .filter(|mailbox: &Mailbox| mailbox.name.as_deref().is_none_or(|name| !name.contains(char::is_control)));
    if parsed.is_none() {
        fields.problem(field, format!("has {text:?}; must be an address, such as \"Alice <alice@example.org>\""));
    }
    parsed
}

/// Whether a host is this machine.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}
