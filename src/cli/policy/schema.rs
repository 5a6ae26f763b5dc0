use super::{Console, Failure};
use crate::{policy_file, proto::v1};

#[derive(Debug, clap::Args)]
pub(crate) struct SchemaArgs {
    /// Kind of file
    #[arg(value_enum, default_value_t)]
    file: File,
}

/// Kinds of files.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum File {
    /// A policy
    #[default]
    Policy,
    /// Test cases: calls and their expected results
    Tests,
}

pub(super) fn run(args: &SchemaArgs, console: &mut Console) -> Result<(), Failure> {
    let schema = match args.file {
        File::Policy => policy_file::json_schema::<v1::Policy>(),
        File::Tests => policy_file::json_schema::<v1::PolicyTestCases>(),
    };
    Ok(console.raw(schema.as_bytes())?)
}
