//! Checks of what a caller may do, as errors: its roles by `role_matrix.rs`, its permissions, and whether it was
//! revoked.

use std::collections::BTreeSet;

use super::{Method, Principal};
use crate::domain::{Actor, OutsideScope, Permission};

/// Why a caller that is known may not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessDenied {
    /// None of the caller's roles may do this.
    #[error("role {role} may not call {method}")]
    RoleNotAllowed {
        /// The caller's roles.
        role: String,
        /// What it called.
        method: &'static str,
    },
    /// The caller asserts something about others that its credentials do not allow.
    #[error("this needs the permission {}, which the caller's credentials do not give", .0.name())]
    PermissionRequired(Permission),
    /// The caller may decide for others, but not for this one.
    #[error(transparent)]
    OutsideScope(#[from] OutsideScope),
    /// The caller's credentials were taken back.
    #[error("the credentials of this call were revoked")]
    Revoked,
}

impl Principal {
    /// Requires that one of its roles may make a call at all. The wire asks before it reads a message, and every
    /// use-case asks again, whoever calls it.
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

    /// Requires that its credentials were not taken back. To be asked again after what may have taken long, before
    /// anything is recorded.
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

    /// Requires that it may decide for a person, and say that they are in these groups.
    ///
    /// # Errors
    /// [`AccessDenied::PermissionRequired`] or [`AccessDenied::OutsideScope`].
    pub fn require_decides_for(&self, person: &Actor, groups: &BTreeSet<String>) -> Result<(), AccessDenied> {
        self.require_permission(Permission::DecideForOthers)?;
        Ok(self.decides_for.check(person, groups)?)
    }
}
