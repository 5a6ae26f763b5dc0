//! The documentation: every link leads somewhere, and every command does what its page says.

mod example;
mod grpcurl;
mod links;
mod not_run;
mod page;
mod sample_configuration;
mod sandbox;
mod script;
mod stories;

use futures_util::future::join_all;

use self::{page::Page, script::Script};

/// The pages whose blocks of commands are typed.
fn pages() -> Vec<String> {
    let typed = |name: &String| name == "README.md" || name == "examples/README.md" || name.starts_with("docs/");
    page::tracked().into_iter().filter(|name| name.ends_with(".md")).filter(typed).collect()
}

/// Types the blocks of a page in their order.
async fn tell(mut script: Script) {
    let script = &mut script;
    match script.page() {
        "README.md" => stories::readme(script).await,
        "docs/start.md" => stories::start(script).await,
        "docs/api.md" => stories::api(script).await,
        "docs/command.md" => stories::command(script).await,
        "docs/deployment.md" => stories::deployment(script).await,
        "docs/configuration.md" => stories::configuration(script).await,
        "docs/metrics.md" => stories::metrics(script).await,
        "docs/notifications.md" => stories::notifications(script).await,
        "docs/operations.md" => stories::operations(script).await,
        "docs/policy.md" => stories::policy(script).await,
        "docs/security.md" => stories::security(script).await,
        _ => {}
    }
    script.end();
}

/// A block that no story types, and that `not_run.rs` does not list, fails here.
#[tokio::test]
async fn every_command_in_the_documentation_works() {
    let mut listed = not_run::Listed::default();
    let scripts: Vec<Script> = pages().iter().map(|name| Script::of(&Page::read(name), &mut listed)).collect();
    listed.end();
    join_all(scripts.into_iter().map(tell)).await;
}
