//! gRPC status codes: their names, and where an answer carries them.

use http::{HeaderMap, StatusCode};
use tonic::Code;

/// Canonical names, by number.
pub(super) const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Index into [`NAMES`].
pub(super) fn index(code: Code) -> usize {
    code as usize
}

/// Canonical name, such as `NOT_FOUND`.
pub(super) fn name(code: Code) -> &'static str {
    NAMES[index(code)]
}

/// Whether the code says that the server failed, rather than that it refused.
pub(super) fn is_failure(code: Code) -> bool {
    matches!(code, Code::Unknown | Code::Internal | Code::Unavailable | Code::DataLoss)
}

/// The `grpc-status` of trailers, or of the headers of an answer that has only trailers.
pub(super) fn of_headers(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|value| Code::from_bytes(value.as_bytes()))
}

/// What a gRPC client makes of an HTTP status other than 200 that comes without a `grpc-status`.
pub(super) fn of_http(status: StatusCode) -> Code {
    match status {
        StatusCode::BAD_REQUEST => Code::Internal,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
        _ => Code::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_at_their_numbers() {
        for (number, name_at) in NAMES.iter().enumerate() {
            let code = Code::from_i32(i32::try_from(number).unwrap());
            assert_eq!(code as usize, number);
            assert_eq!(name(code), *name_at);
            // `Code`'s own name is the canonical one in camel case, but for the spelling of OK.
            let squeezed = name_at.replace('_', "").to_lowercase();
            assert_eq!(format!("{code:?}").to_lowercase(), squeezed);
        }
        assert_eq!(Code::from_i32(NAMES.len() as i32), Code::Unknown, "a code is missing from the table");
    }
}
