//! How much text a card has.

/// Maximum lengths of a card's texts, in characters as shown. A longer text is cut, and says how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The value of an argument.
    pub value: usize,
    /// The values of all arguments.
    pub values: usize,
    /// Number of arguments, with those inside lists and objects.
    pub facts: usize,
    /// The reason, and each comment.
    pub words: usize,
    /// Number of labels.
    pub labels: usize,
    /// Number of votes.
    pub votes: usize,
    /// Number of warnings.
    pub warnings: usize,
}

/// Longest name: of a tool, an agent, an argument, a person, a rule, or a label, as shown.
pub(super) const NAME_MAX: usize = 256;

impl Budget {
    /// For messages in a chat or on a phone.
    pub const CHAT: Self = Self { value: 400, values: 2_000, facts: 16, words: 400, labels: 8, votes: 8, warnings: 8 };

    /// For messages that have room.
    pub const MAIL: Self =
        Self { value: 4_000, values: 12_000, facts: 60, words: 4_000, labels: 32, votes: 16, warnings: 16 };
}
