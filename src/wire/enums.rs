//! Enums that the wire and the domain both have, value by value: one table for both directions.

use crate::{
    domain::{ActorKind, Choice, ExecutionResult, Permission, Priority, Role, Status},
    proto::v1,
};

/// A value that the wire has under the same name.
pub trait Code: Copy {
    /// The wire's enum.
    type Wire;

    /// The wire's value.
    fn to_wire(self) -> Self::Wire;

    /// The value of the wire's; `None` when that is unspecified.
    fn from_wire(wire: Self::Wire) -> Option<Self>;
}

macro_rules! codes {
    ($($ours:ident = $wire:ident { $($value:ident),+ })+) => {$(
        impl Code for $ours {
            type Wire = v1::$wire;

            fn to_wire(self) -> v1::$wire {
                match self {
                    $(Self::$value => v1::$wire::$value,)+
                }
            }

            fn from_wire(wire: v1::$wire) -> Option<Self> {
                match wire {
                    v1::$wire::Unspecified => None,
                    $(v1::$wire::$value => Some(Self::$value),)+
                }
            }
        }
    )+};
}

codes! {
    Status = ApprovalStatus { Pending, Approved, Rejected, TimedOut, Cancelled, AutoApproved, AutoRejected }
    ActorKind = ActorKind { Agent, Person, Service, Policy, Server }
    Choice = VoteChoice { Approve, Reject }
    ExecutionResult = ExecutionResult { Succeeded, Failed }
    Priority = Priority { Normal, High, Urgent }
    Role = Role { Agent, Reviewer, Auditor, Operator }
    Permission = Permission { AskForOthers, DecideForOthers, DecideAlone }
}
