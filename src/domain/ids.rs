use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Time;

/// Counts an approval's events. 1 is the request.
pub type Revision = u64;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID.
            #[must_use]
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    };
}

id! {
    /// The id of an approval: a UUIDv7, so ids sort by time of creation.
    ApprovalId
}

impl ApprovalId {
    /// The time in the id, in milliseconds: when the request was made. `None` if the id has none.
    #[must_use]
    pub fn created_at(self) -> Option<Time> {
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        Time::from_timestamp(i64::try_from(seconds).ok()?, nanos)
    }
}

id! {
    /// The id of a claim: a UUIDv7.
    ClaimId
}
id! {
    /// The id of a token: a UUIDv7. Not secret.
    TokenId
}
id! {
    /// The id of a freeze: a UUIDv7.
    FreezeId
}
id! {
    /// The id of a session: a UUIDv7. Not secret.
    SessionId
}
id! {
    /// The id of a block of a subject: a UUIDv7.
    BlockId
}
