//! JSON Schemas of policy files and of their tests, from the protos that the server is built from.

use std::path::Path;

use super::Output;
use crate::failure::Failure;
use crate::step::Step;

const COMMAND: &str = "cargo run --quiet --locked --bin signoff -- policy schema";

/// The files, and what `signoff policy schema` calls them.
const FILES: [(&str, &str); 2] =
    [("schema/policy.schema.json", "policy"), ("schema/policy-tests.schema.json", "tests")];

/// What `signoff policy schema` prints.
pub(super) fn outputs(_root: &Path) -> Result<Vec<Output>, Failure> {
    let output = |(path, kind): (&str, &str)| {
        let step = Step::new(&[], COMMAND).args(&[kind.to_owned()]);
        let contents = step.output()?;
        if contents.trim().is_empty() {
            return Err(Failure::Output(step.shown(), "printed nothing"));
        }
        Ok(Output { path: path.into(), contents })
    };
    FILES.into_iter().map(output).collect()
}
