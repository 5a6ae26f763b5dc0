//! gRPC status codes: their names, and where a response carries them.

use http::{HeaderMap, StatusCode};
use tonic::Code;

pub(super) use signoff_client::code_name as name;

/// Number of codes. They begin at 0.
pub(super) const COUNT: usize = 17;

/// Canonical names, such as `NOT_FOUND`, by number.
pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
    (0..).take(COUNT).map(|number| name(Code::from_i32(number)))
}

/// A code's number.
pub(super) fn index(code: Code) -> usize {
    code as usize
}

/// Whether the code means that the server failed, rather than rejected the call.
pub(super) fn is_failure(code: Code) -> bool {
    matches!(code, Code::Unknown | Code::Internal | Code::Unavailable | Code::DataLoss)
}

/// The `grpc-status` of trailers, or of the headers of a response without a body.
pub(super) fn of_headers(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|value| Code::from_bytes(value.as_bytes()))
}

/// The code that a gRPC client derives from an HTTP status other than 200 without a `grpc-status`.
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
        for (number, name) in names().enumerate() {
            let code = Code::from_i32(i32::try_from(number).unwrap());
            assert_eq!(index(code), number);
            // `Code`'s own name is the canonical one in camel case, except for OK.
            let squeezed = name.replace('_', "").to_lowercase();
            assert_eq!(format!("{code:?}").to_lowercase(), squeezed);
        }
        assert_eq!(Code::from_i32(COUNT as i32), Code::Unknown, "a code is not counted");
    }
}
