use std::{path::PathBuf, time::Duration};

use clap::ValueEnum;
use uuid::Uuid;

use super::{Console, Failure, backend::TokenBackend, grants};
use crate::{
    cli::{
        connection::ConnectionArgs,
        describe,
        text::{escape, moment},
    },
    config::parse_duration,
    proto::v1::{ActorKind, CreateTokenRequest, DecidesFor, Permission, Person, Role},
};

#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// Name of who shows it; those with the same name are the same, and cannot approve what the other asks for
    #[arg(long, value_name = "NAME")]
    subject: String,
    /// What the owner is
    #[arg(long, value_name = "KIND")]
    kind: Kind,
    /// What the owner may do; repeatable, or separated by commas
    #[arg(long = "role", value_name = "ROLE", value_delimiter = ',', required = true)]
    roles: Vec<RoleName>,
    /// Groups that the owner is in, by which the policy asks reviewers; repeatable, or separated by commas
    #[arg(long = "group", value_name = "GROUP", value_delimiter = ',')]
    groups: Vec<String>,
    /// The person whose agent the owner is: whatever is asked with the token is asked for them, and they cannot decide
    /// it
    #[arg(long, value_name = "SUBJECT")]
    on_behalf_of: Option<String>,
    /// Who vouches for that person, such as the OpenID provider; without it, this server's tokens
    #[arg(long, value_name = "ISSUER", requires = "on_behalf_of", default_value = "", hide_default_value = true)]
    issuer: String,
    /// What the owner may say about others, and is believed; repeatable, or separated by commas
    #[arg(long = "permission", value_name = "PERMISSION", value_delimiter = ',')]
    permissions: Vec<PermissionName>,
    /// Issuer of the people the owner may decide for: an OpenID issuer, or `local`; repeatable, or separated by commas;
    /// required with decide-for-others
    #[arg(long = "decide-for-issuer", value_name = "ISSUER", value_delimiter = ',')]
    decide_for_issuers: Vec<String>,
    /// Group that the owner may say these people are in; repeatable, or separated by commas
    #[arg(long = "decide-for-group", value_name = "GROUP", value_delimiter = ',', requires = "decide_for_issuers")]
    decide_for_groups: Vec<String>,
    /// How long it is good, such as 12h or 90d; without it until it is revoked
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    ttl: Option<Duration>,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    comment: String,
    /// Work in this data directory, of a server that is not running, in place of asking a server; made when absent
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// An AI agent, or the program that runs it
    Agent,
    /// A human being
    Person,
    /// Another program
    Service,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    /// Asks, and sees what it asked for
    Agent,
    /// Sees what the policy asks it about, and decides it
    Reviewer,
    /// Sees everything
    Auditor,
    /// Sets the policy, makes tokens and takes them back
    Operator,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PermissionName {
    /// On whose behalf it asks
    AskForOthers,
    /// Who decides, and in which groups they are: a chat bridge, whose votes count as one among those of others
    DecideForOthers,
    /// Complete a quorum alone; requires decide-for-others
    DecideAlone,
}

pub(super) async fn run(args: CreateArgs, connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let kind = match args.kind {
        Kind::Agent => ActorKind::Agent,
        Kind::Person => ActorKind::Person,
        Kind::Service => ActorKind::Service,
    };
    let role = |role: &RoleName| match role {
        RoleName::Agent => Role::Agent,
        RoleName::Reviewer => Role::Reviewer,
        RoleName::Auditor => Role::Auditor,
        RoleName::Operator => Role::Operator,
    };
    let permission = |permission: &PermissionName| match permission {
        PermissionName::AskForOthers => Permission::AskForOthers,
        PermissionName::DecideForOthers => Permission::DecideForOthers,
        PermissionName::DecideAlone => Permission::DecideAlone,
    };
    let decides = !args.decide_for_issuers.is_empty();
    let decides_for =
        decides.then_some(DecidesFor { issuers: args.decide_for_issuers, groups: args.decide_for_groups });
    let ttl = args.ttl.map(prost_types::Duration::try_from).transpose();
    let request = CreateTokenRequest {
        // Whatever repeats the call on its way makes no second token.
        request_id: Uuid::new_v4().to_string(),
        subject: args.subject,
        kind: kind.into(),
        roles: args.roles.iter().map(|name| role(name).into()).collect(),
        groups: args.groups,
        permissions: args.permissions.iter().map(|name| permission(name).into()).collect(),
        ttl: ttl.map_err(|_| Failure::Usage("--ttl: too long".to_owned()))?,
        comment: args.comment,
        decides_for,
        on_behalf_of: args.on_behalf_of.map(|subject| Person { issuer: args.issuer, subject, groups: Vec::new() }),
    };
    let made = TokenBackend::open(args.data_dir.as_deref(), true, connection).await?.create(request).await?;
    if console.json {
        return Ok(console.message(&made)?);
    }
    let token = made.token.ok_or(Failure::Protocol("no token"))?;
    let end = token.expire_time.as_ref();
    let end = end.map_or_else(|| "until it is revoked".to_owned(), |end| format!("until {}", moment(Some(end))));
    console.note(&format!(
        "token {} of {} ({}), good {end}. Keep its secret, it is not shown again:",
        escape(&token.token_id),
        describe::actor(token.owner.as_ref()),
        grants(&token)
    ))?;
    Ok(console.line(&escape(&made.secret))?)
}
