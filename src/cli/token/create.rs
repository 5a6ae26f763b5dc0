use std::time::Duration;

use clap::ValueEnum;
use uuid::Uuid;

use super::{Console, Failure, backend::TokenBackend, grants};
use crate::{
    cli::{
        connection::ConnectionArgs,
        describe,
        stored::StoredArgs,
        text::{escape, moment},
    },
    config::parse_duration,
    proto::v1::{ActorKind, CreateTokenRequest, DecidesFor, Permission, Person, Role},
};

#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// Name of the owner; tokens with the same name have the same owner, who cannot approve their own requests
    #[arg(long, value_name = "NAME")]
    subject: String,
    /// Kind of owner
    #[arg(long, value_name = "KIND")]
    kind: Kind,
    /// Role of the owner; repeatable or comma-separated
    #[arg(long = "role", value_name = "ROLE", value_delimiter = ',', required = true)]
    roles: Vec<RoleName>,
    /// Group of the owner, which a policy can name as reviewers; repeatable or comma-separated
    #[arg(long = "group", value_name = "GROUP", value_delimiter = ',')]
    groups: Vec<String>,
    /// Person on whose behalf the token makes every request; this person cannot decide these requests
    #[arg(long, value_name = "SUBJECT")]
    on_behalf_of: Option<String>,
    /// Issuer of that person's identity, such as the OpenID provider [default: local, this server's tokens]
    #[arg(long, value_name = "ISSUER", requires = "on_behalf_of", default_value = "", hide_default_value = true)]
    issuer: String,
    /// Permission to act for other people; repeatable or comma-separated
    #[arg(long = "permission", value_name = "PERMISSION", value_delimiter = ',')]
    permissions: Vec<PermissionName>,
    /// Issuer of the people that the owner may decide for: an OpenID issuer, or `local`; repeatable or comma-separated;
    /// required with decide-for-others
    #[arg(long = "decide-for-issuer", value_name = "ISSUER", value_delimiter = ',')]
    decide_for_issuers: Vec<String>,
    /// Group that the owner may assign to these people; repeatable or comma-separated
    #[arg(long = "decide-for-group", value_name = "GROUP", value_delimiter = ',', requires = "decide_for_issuers")]
    decide_for_groups: Vec<String>,
    /// Lifetime, such as 12h or 90d [default: until revoked]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    ttl: Option<Duration>,
    /// Purpose of the token
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    comment: String,
    /// Create the token in this store, not through a running server
    #[command(flatten)]
    stored: StoredArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// An AI agent, or the program that runs it
    Agent,
    /// A person
    Person,
    /// Another program
    Service,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    /// Requests approvals; reads, cancels, claims and reports its own
    Agent,
    /// Reads and decides the approvals that the policy asks it about
    Reviewer,
    /// Reads everything
    Auditor,
    /// Sets the policy, manages tokens, revokes approvals, freezes calls
    Operator,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PermissionName {
    /// Request approvals on behalf of other people
    AskForOthers,
    /// Submit the decisions of other people, like a chat bridge; cannot approve alone
    DecideForOthers,
    /// Approve alone; requires decide-for-others
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
        // So that a repeated call creates no second token.
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
    let made = TokenBackend::open(&args.stored, true, connection).await?.create(request).await?;
    if console.json {
        return Ok(console.message(&made)?);
    }
    let token = made.token.ok_or(Failure::Protocol("no token"))?;
    let end = token.expire_time.as_ref();
    let end = end.map_or_else(|| "until revoked".to_owned(), |end| format!("until {}", moment(Some(end))));
    console.note(&format!(
        "token {} of {} ({}), valid {end}. Save the secret now; it is not shown again:",
        escape(&token.token_id),
        describe::actor(token.owner.as_ref()),
        grants(&token)
    ))?;
    Ok(console.line(&escape(&made.secret))?)
}
