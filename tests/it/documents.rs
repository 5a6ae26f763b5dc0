//! The documentation: every link leads somewhere, and every command does what its page says.

mod example;
mod grpcurl;
mod links;
mod not_run;
mod page;
mod sandbox;
mod script;
mod stories;

use self::{page::Page, script::Script};

/// The pages whose blocks of commands are typed.
fn pages() -> Vec<String> {
    let typed = |name: &String| name == "README.md" || name == "examples/README.md" || name.starts_with("docs/");
    page::tracked().into_iter().filter(|name| name.ends_with(".md")).filter(typed).collect()
}

/// Types the blocks of each page in their order. What the stories leave, and `not_run` does not name, fails here.
#[tokio::test]
async fn every_command_in_the_documentation_works() {
    let mut listed = not_run::Listed::default();
    for name in pages() {
        let mut script = Script::of(&Page::read(&name), &mut listed);
        match name.as_str() {
            "README.md" => stories::readme(&mut script).await,
            "docs/start.md" => stories::start(&mut script).await,
            "docs/api.md" => stories::api(&mut script).await,
            "docs/command.md" => stories::command(&mut script).await,
            "docs/configuration.md" => stories::configuration(&mut script).await,
            "docs/metrics.md" => stories::metrics(&mut script).await,
            "docs/operations.md" => stories::operations(&mut script).await,
            "docs/policy.md" => stories::policy(&mut script).await,
            "docs/security.md" => stories::security(&mut script).await,
            _ => {}
        }
        script.end();
    }
    listed.end();
}
