//! `signoff policy`.

use super::{console::Console, failure::Failure};
use crate::{policy_file, proto::v1};

/// What to do with policies.
#[derive(Debug, clap::Subcommand)]
pub enum PolicyCommand {
    /// Print the JSON Schema of a kind of file, for editors
    Schema(SchemaArgs),
}

/// Flags of `policy schema`.
#[derive(Debug, clap::Args)]
pub struct SchemaArgs {
    /// Which kind of file
    #[arg(value_enum, default_value_t)]
    file: File,
}

/// Kinds of files.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum File {
    /// A policy
    #[default]
    Policy,
    /// Calls to try a policy on, and what is expected
    Tests,
}

pub(super) fn run(command: &PolicyCommand, console: &mut Console) -> Result<(), Failure> {
    let PolicyCommand::Schema(SchemaArgs { file }) = command;
    let schema = match file {
        File::Policy => policy_file::json_schema::<v1::Policy>(),
        File::Tests => policy_file::json_schema::<v1::PolicyTestCases>(),
    };
    Ok(console.raw(schema.as_bytes())?)
}
