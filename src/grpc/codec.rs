//! The Protobuf codec of the generated services.

use std::marker::PhantomData;

use prost::Message;
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use super::error::Failure;

/// Buffer of a waiting stream, in bytes. It grows when the stream sends.
const BUFFER: usize = 512;

/// Maximum bytes of ready messages to send together.
const TOGETHER: usize = 16 << 10;

/// A codec like tonic's, with two differences: a message that cannot be decoded is reported as the caller's error, and
/// a message that waits to be sent takes no more memory than its size.
#[derive(Debug)]
pub struct Protobuf<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Protobuf<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for Protobuf<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = Writer<T>;
    type Decoder = Reader<U>;

    fn encoder(&mut self) -> Writer<T> {
        Writer(PhantomData)
    }

    fn decoder(&mut self) -> Reader<U> {
        Reader(PhantomData)
    }
}

/// Encodes messages.
#[derive(Debug)]
pub struct Writer<T>(PhantomData<T>);

impl<T: Message> Encoder for Writer<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, message: T, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.reserve(message.encoded_len());
        message.encode(to).map_err(|error| Status::internal(error.to_string())) // cannot fail: the buffer has room
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER, TOGETHER)
    }
}

/// Decodes messages.
#[derive(Debug)]
pub struct Reader<U>(PhantomData<U>);

impl<U: Message + Default> Decoder for Reader<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        U::decode(from).map(Some).map_err(|error| Failure::Malformed(explained(&error)).into())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER, TOGETHER)
    }
}

/// What is wrong with a message, and in which field. The error itself lists all levels of nesting, which can be a
/// hundred.
fn explained(error: &prost::DecodeError) -> String {
    let text = error.to_string();
    let mut rest = text.strip_prefix("failed to decode Protobuf message: ").unwrap_or(&text);
    let mut field = None;
    while let Some((level, deeper)) = rest.split_once(": ") {
        let Some((_, name)) = level.split_once('.').filter(|_| !level.contains(' ')) else { break };
        (field, rest) = (Some(name), deeper);
    }
    match field {
        Some(field) => format!("cannot decode the message: {field}: {rest}"),
        None => format!("cannot decode the message: {rest}"),
    }
}
