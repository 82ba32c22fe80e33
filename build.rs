//! Compiles the admin API's protobuf without protoc: protox parses it in process.

use std::error::Error;

const INCLUDE: &str = "proto";
const ADMIN: &str = "proto/interlock/admin/v1/admin.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={ADMIN}");
    let descriptors = protox::compile([ADMIN], [INCLUDE])?;
    tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        .compile_fds(descriptors)?;
    Ok(())
}
