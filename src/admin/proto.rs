//! The messages, client and server of `interlock.admin.v1`, as the build generates them from `proto/`.
#![allow(missing_docs, clippy::all)]

tonic::include_proto!("interlock.admin.v1");
