//! Authorization checks, as errors: roles by `role_matrix.rs`, permissions, and revocation.

use std::collections::BTreeSet;

use super::{Method, Principal};
use crate::domain::{Actor, OutsideScope, Permission};

/// Why an authenticated caller is denied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessDenied {
    /// None of the caller's roles allows the call.
    #[error("role {role} is not allowed to call {method}")]
    RoleNotAllowed {
        /// The caller's roles.
        role: String,
        /// The call.
        method: &'static str,
    },
    /// The caller asserts a fact about others without the permission.
    #[error("permission {} is required, and the caller's credentials do not have it", .0.name())]
    PermissionRequired(Permission),
    /// The caller may decide for others, but not for this person.
    #[error(transparent)]
    OutsideScope(#[from] OutsideScope),
    /// The caller may decide for others, but an operator has blocked this person.
    #[error("{0} is blocked, so nobody may decide for them")]
    SubjectBlocked(Actor),
    /// The caller's credentials were revoked.
    #[error("the credentials of this call were revoked")]
    Revoked,
}

impl Principal {
    /// Requires a role that allows a call. `grpc` checks it before it reads a message, and every use-case checks it
    /// again.
    ///
    /// # Errors
    /// [`AccessDenied::RoleNotAllowed`].
    pub fn require_role(&self, method: Method) -> Result<(), AccessDenied> {
        if self.may(method) {
            Ok(())
        } else {
            Err(AccessDenied::RoleNotAllowed { role: self.role_names(), method: method.name() })
        }
    }

    /// Requires that its credentials are not revoked. Check again after work that may take long, before anything is
    /// recorded.
    ///
    /// # Errors
    /// [`AccessDenied::Revoked`].
    pub fn ensure_not_revoked(&self) -> Result<(), AccessDenied> {
        if self.revocation.is_revoked() { Err(AccessDenied::Revoked) } else { Ok(()) }
    }

    /// Requires a permission.
    ///
    /// # Errors
    /// [`AccessDenied::PermissionRequired`].
    pub fn require_permission(&self, permission: Permission) -> Result<(), AccessDenied> {
        if self.permissions.contains(&permission) { Ok(()) } else { Err(AccessDenied::PermissionRequired(permission)) }
    }

    /// Requires that it may decide for a person, and may assert that the person is in these groups.
    ///
    /// # Errors
    /// [`AccessDenied::PermissionRequired`], [`AccessDenied::OutsideScope`] or [`AccessDenied::SubjectBlocked`].
    pub fn require_decides_for(&self, person: &Actor, groups: &BTreeSet<String>) -> Result<(), AccessDenied> {
        self.require_permission(Permission::DecideForOthers)?;
        self.decides_for.check(person, groups)?;
        if self.revocation.blocks(person) { Err(AccessDenied::SubjectBlocked(person.clone())) } else { Ok(()) }
    }
}
