//! Enums of both the wire and the domain: one table for both directions.

use crate::{
    domain::{
        ActorKind, Assurance, Choice, ExecutionResult, MinAssurance, NotificationKind, Permission, Priority, Role,
        Status, Surface,
    },
    proto::v1,
};

/// A value with the same name on the wire.
pub trait Code: Copy {
    /// The wire's enum.
    type Wire;

    /// The wire's value.
    fn to_wire(self) -> Self::Wire;

    /// Converts the wire's value. `None` if it is unspecified.
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
    Surface = DecisionSurface { Grpc, Desk, Slack, Link }
    Assurance = Assurance { Session, Chat, Link, Token }
    MinAssurance = MinAssurance { Chat, Credentials }
    Role = Role { Agent, Reviewer, Auditor, Operator }
    Permission = Permission { AskForOthers, DecideForOthers, DecideAlone }
    NotificationKind = NotificationKind { Requested, Voted, Edited, Escalated, Decided, TimedOut, Cancelled, Revoked }
}
