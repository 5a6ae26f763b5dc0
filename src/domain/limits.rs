//! Limits of requests: fixed ones, and those that an operator can lower.

use std::time::Duration;

/// Longest tool name, in characters.
pub const TOOL_NAME_MAX: usize = 128;
/// Longest request_id, in characters.
pub const REQUEST_ID_MAX: usize = 128;
/// Longest name of an agent, in characters. Also of each agent in the chain.
pub const AGENT_NAME_MAX: usize = 128;
/// Longest run_id of an agent, in characters.
pub const RUN_ID_MAX: usize = 128;
/// Longest key of a label, in characters.
pub const LABEL_KEY_MAX: usize = 63;
/// Longest value of a label, in characters.
pub const LABEL_VALUE_MAX: usize = 256;
/// Longest issuer, and longest name at an issuer, in characters.
pub const PERSON_MAX: usize = 256;
/// Longest `caller` of a filter, and longest issuer and subject of a tested call, in characters. Longer than any valid
/// one.
pub const CALLER_MAX: usize = 1_024;
/// Longest name of a group, in characters.
pub const GROUP_MAX: usize = 128;
/// Maximum number of groups of a person.
pub const GROUPS_MAX: usize = 64;
/// Maximum number of issuers in a `DecidesFor`.
pub const ISSUERS_MAX: usize = 16;
/// Longest claim window, of a rule and of the setting.
pub const CLAIM_WINDOW_MAX: Duration = Duration::from_secs(60 * 60);
/// Longest time that a policy remembers a rejection.
pub const REMEMBER_REJECTION_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest timeout, of a request, a rule and the setting.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Longest wait of WaitApproval, and its default.
pub const WAIT_MAX: Duration = Duration::from_secs(60);
/// Default page size. [`RequestLimits::page_size_max`] may lower it.
pub const PAGE_SIZE_DEFAULT: u32 = 50;

/// Largest arguments as canonical JSON, in bytes. Limited by the store's record size.
pub const ARGUMENTS_BYTES_MAX: usize = 48 * 1024;
/// Deepest nesting of arguments, in levels.
pub const ARGUMENTS_DEPTH_MAX: u32 = 32;
/// Largest JSON Schema of arguments as canonical JSON, in bytes.
pub const SCHEMA_BYTES_MAX: usize = 16 * 1024;
/// Longest reason, comment or report message, in bytes.
pub const TEXT_BYTES_MAX: usize = 4 * 1024;
/// Longest text to search the history for, in characters.
pub const SEARCH_TEXT_MAX: usize = 256;
/// Maximum number of parts that a reviewer opened, as recorded with a vote.
pub const OPENED_MAX: usize = 64;
/// Longest name of an opened part, in characters.
pub const OPENED_CHARS_MAX: usize = 128;
/// Maximum bytes of the names of opened parts. Votes are kept together in one record.
pub const OPENED_BYTES_MAX: usize = 8 * 1024;
/// Longest reason of a freeze, in bytes.
pub const FREEZE_REASON_BYTES_MAX: usize = 1_024;
/// Longest reason of a block, in bytes.
pub const BLOCK_REASON_BYTES_MAX: usize = 1_024;
/// Maximum number of labels of an approval, and of a rule.
pub const LABELS_MAX: u32 = 32;
/// Maximum number of agents in a chain.
pub const CHAIN_MAX: u32 = 16;
/// Largest page of a list.
pub const PAGE_SIZE_MAX: u32 = 1_000;

/// The limits that an operator can set, each within this range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Arguments as canonical JSON, in bytes: 2 to [`ARGUMENTS_BYTES_MAX`].
    pub arguments_bytes: usize,
    /// Nesting of the arguments, in levels: 1 to [`ARGUMENTS_DEPTH_MAX`].
    pub arguments_depth: u32,
    /// Arguments' JSON Schema as canonical JSON, in bytes: 0 to [`SCHEMA_BYTES_MAX`].
    pub schema_bytes: usize,
    /// A reason, comment or report message, in bytes: 0 to [`TEXT_BYTES_MAX`].
    pub text_bytes: usize,
    /// Labels of an approval: 0 to [`LABELS_MAX`].
    pub labels: u32,
    /// Agents in a chain: 0 to [`CHAIN_MAX`].
    pub chain: u32,
    /// Shortest timeout of a request: 10 ms to [`TIMEOUT_MAX`], and at most `timeout_max`.
    pub timeout_min: Duration,
    /// Longest timeout of a request: 10 ms to [`TIMEOUT_MAX`].
    pub timeout_max: Duration,
    /// Default timeout of a request: between `timeout_min` and `timeout_max`.
    pub timeout_default: Duration,
    /// Largest page of a list: 1 to [`PAGE_SIZE_MAX`]. May be lower than the default page size of the API.
    pub page_size_max: u32,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            arguments_bytes: ARGUMENTS_BYTES_MAX,
            arguments_depth: ARGUMENTS_DEPTH_MAX,
            schema_bytes: SCHEMA_BYTES_MAX,
            text_bytes: TEXT_BYTES_MAX,
            labels: LABELS_MAX,
            chain: CHAIN_MAX,
            timeout_min: Duration::from_secs(1),
            timeout_max: TIMEOUT_MAX,
            timeout_default: Duration::from_secs(300),
            page_size_max: PAGE_SIZE_MAX,
        }
    }
}
