//! The methods of this server: a fixed table, so that counting a call allocates nothing, and callers cannot invent
//! label values.

/// The kind of a method's response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One message: its duration is measured.
    Unary,
    /// A stream of messages: it is counted while open.
    Streaming,
    /// Unknown: only counted.
    Unknown,
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct Method {
    /// `package.Service/Method`: the request's path without its leading slash.
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// Probes and tools: logged only at debug.
    pub(super) quiet: bool,
}

const fn method(name: &'static str, shape: Shape) -> Method {
    Method { name, shape, quiet: false }
}

const fn quiet(name: &'static str, shape: Shape) -> Method {
    Method { name, shape, quiet: true }
}

/// Every method, the busiest first, and [`OTHER`] last.
pub(super) const METHODS: [Method; 39] = [
    method("signoff.v1.ApprovalService/RequestApproval", Shape::Streaming),
    method("signoff.v1.ApprovalService/Decide", Shape::Unary),
    method("signoff.v1.ApprovalService/ClaimExecution", Shape::Unary),
    method("signoff.v1.ApprovalService/ReportExecution", Shape::Unary),
    method("signoff.v1.ApprovalService/WaitApproval", Shape::Unary),
    method("signoff.v1.ApprovalService/WatchApproval", Shape::Streaming),
    method("signoff.v1.ApprovalService/GetApproval", Shape::Unary),
    method("signoff.v1.ApprovalService/ListPending", Shape::Unary),
    method("signoff.v1.ApprovalService/WatchPending", Shape::Streaming),
    method("signoff.v1.ApprovalService/ListApprovals", Shape::Unary),
    method("signoff.v1.ApprovalService/CancelApproval", Shape::Unary),
    method("signoff.v1.ApprovalService/RevokeApproval", Shape::Unary),
    method("signoff.v1.PolicyService/GetPolicy", Shape::Unary),
    method("signoff.v1.PolicyService/ListPolicyVersions", Shape::Unary),
    method("signoff.v1.PolicyService/SetPolicy", Shape::Unary),
    method("signoff.v1.PolicyService/TestPolicy", Shape::Unary),
    method("signoff.v1.AccessService/GetCaller", Shape::Unary),
    method("signoff.v1.AccessService/ListTokens", Shape::Unary),
    method("signoff.v1.AccessService/CreateToken", Shape::Unary),
    method("signoff.v1.AccessService/RevokeToken", Shape::Unary),
    method("signoff.v1.AdminService/GetStatus", Shape::Unary),
    method("signoff.v1.AdminService/ListFreezes", Shape::Unary),
    method("signoff.v1.AdminService/Freeze", Shape::Unary),
    method("signoff.v1.AdminService/Thaw", Shape::Unary),
    method("signoff.v1.AdminService/ListSessions", Shape::Unary),
    method("signoff.v1.AdminService/EndSessions", Shape::Unary),
    method("signoff.v1.AdminService/ListBlockedSubjects", Shape::Unary),
    method("signoff.v1.AdminService/BlockSubject", Shape::Unary),
    method("signoff.v1.AdminService/UnblockSubject", Shape::Unary),
    method("signoff.v1.AdminService/ListChannels", Shape::Unary),
    method("signoff.v1.AdminService/ListDeliveries", Shape::Unary),
    method("signoff.v1.AdminService/RetryDelivery", Shape::Unary),
    method("signoff.v1.AdminService/TestChannel", Shape::Unary),
    method("signoff.v1.AdminService/Backup", Shape::Streaming),
    quiet("grpc.health.v1.Health/Check", Shape::Unary),
    quiet("grpc.health.v1.Health/Watch", Shape::Streaming),
    quiet("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Shape::Streaming),
    quiet("grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Shape::Streaming),
    method("other", Shape::Unknown),
];

/// Index of the row for every other path.
pub(super) const OTHER: usize = METHODS.len() - 1;

/// Index into [`METHODS`] of the method at `path`. [`OTHER`] if there is none.
pub(super) fn find(path: &str) -> usize {
    let Some(name) = path.strip_prefix('/') else { return OTHER };
    METHODS[..OTHER].iter().position(|method| method.name == name).unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::proto::FILE_DESCRIPTOR_SET;

    #[test]
    fn the_table_holds_every_method_of_the_api() {
        let set = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let mut in_proto = Vec::new();
        for file in set.file.iter().filter(|file| file.package().starts_with("signoff.")) {
            for service in &file.service {
                for method in &service.method {
                    let name = format!("{}.{}/{}", file.package(), service.name(), method.name());
                    let shape = if method.server_streaming() { Shape::Streaming } else { Shape::Unary };
                    in_proto.push((name, shape));
                }
            }
        }
        let ours = METHODS.iter().filter(|method| method.name.starts_with("signoff."));
        let mut in_table: Vec<_> = ours.map(|method| (method.name.to_owned(), method.shape)).collect();
        in_proto.sort_by(|a, b| a.0.cmp(&b.0));
        in_table.sort_by(|a, b| a.0.cmp(&b.0));
        assert!(!in_proto.is_empty());
        assert_eq!(in_table, in_proto);
    }

    #[test]
    fn only_exact_paths_are_found() {
        for (index, method) in METHODS[..OTHER].iter().enumerate() {
            assert_eq!(find(&format!("/{}", method.name)), index);
        }
        for path in ["", "/", "/other", "signoff.v1.ApprovalService/Decide", "/signoff.v1.ApprovalService/Decide/"] {
            assert_eq!(find(path), OTHER, "{path}");
        }
    }
}
