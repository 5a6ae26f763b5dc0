//! `signoff whoami`: the identity that the server sees for the caller's credentials.

use super::{
    connection::{ConnectionArgs, unary},
    console::Console,
    describe,
    failure::Failure,
    text::{escape, moment},
};
use crate::proto::v1::{Caller, GetCallerRequest};

pub(super) async fn run(connection: &ConnectionArgs, console: &mut Console) -> Result<(), Failure> {
    let response = connection.access().await?.get_caller(unary(GetCallerRequest {})).await?.into_inner();
    if console.json {
        return Ok(console.message(&response)?);
    }
    let caller = response.caller.ok_or(Failure::Protocol("no caller"))?;
    Ok(lines(&caller).iter().try_for_each(|line| console.line(line))?)
}

fn lines(caller: &Caller) -> Vec<String> {
    let joined = |words: Vec<String>| if words.is_empty() { "none".to_owned() } else { words.join(", ") };
    let kind = caller.actor.as_ref().map_or(0, |actor| actor.kind);
    let mut lines = vec![
        format!("{} ({})", describe::actor(caller.actor.as_ref()), describe::kind(kind).to_lowercase()),
        format!("roles: {}", joined(caller.roles.iter().map(|role| describe::role(*role).to_lowercase()).collect())),
        format!("groups: {}", joined(caller.groups.iter().map(|group| escape(group)).collect())),
    ];
    if caller.on_behalf_of.is_some() {
        lines.push(format!("asks on behalf of: {}", describe::actor(caller.on_behalf_of.as_ref())));
    }
    if !caller.permissions.is_empty() {
        let permissions = caller.permissions.iter().map(|permission| describe::permission(*permission).to_lowercase());
        lines.push(format!("permissions: {}", joined(permissions.collect())));
    }
    lines.extend(caller.decides_for.as_ref().map(|scope| format!("decides for: {}", describe::decides_for(scope))));
    let method = describe::method(caller.method).to_lowercase();
    lines.push(format!("authenticated by {method}, at {}", moment(caller.authenticate_time.as_ref())));
    let end = caller.expire_time.as_ref();
    lines.extend(end.map(|end| format!("valid until {}", moment(Some(end)))));
    lines
}
