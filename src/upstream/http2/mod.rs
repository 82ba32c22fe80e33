//! HTTP/2 over the `h2` crate, for both of its sides: streams as bodies, bodies as streams, and the sign of life of a
//! connection. Used by `remote` towards Qdrant and by `server` towards clients. hyper stands on the same crate; without
//! it a forwarded call costs a quarter fewer instructions, as nothing is boxed, queued and woken in between.

mod gathered;
mod heard;
mod keepalive;
mod pieces;
mod received;
mod sending;

pub use self::gathered::{Cork, Gathered, Gathering};
pub use self::heard::{Heard, Signs};
pub use self::keepalive::KeepAlive;
pub use self::pieces::Pieces;
pub use self::received::Received;
pub use self::sending::{SendError, Sending};
