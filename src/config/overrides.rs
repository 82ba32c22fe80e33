//! What the command line says. The strongest source.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Flags of `interlock serve`; absent ones change nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--http`
    pub http: Option<SocketAddr>,
    /// `--grpc`
    pub grpc: Option<SocketAddr>,
    /// `--admin`
    pub admin: Option<SocketAddr>,
    /// `--upstream`
    pub upstream: Option<String>,
    /// `--upstream-rest`
    pub upstream_rest: Option<String>,
    /// `--data`
    pub data: Option<PathBuf>,
}

impl Overrides {
    /// Flag, section, key and value of each that is there.
    pub(super) fn settings(
        &self,
    ) -> impl Iterator<Item = (&'static str, &'static str, &'static str, String)> + use<> {
        let address = |address: Option<SocketAddr>| address.map(|address| address.to_string());
        let data = self.data.as_ref().map(|dir| dir.to_string_lossy().into_owned());
        [
            ("--http", "listen", "http", address(self.http)),
            ("--grpc", "listen", "grpc", address(self.grpc)),
            ("--admin", "listen", "admin", address(self.admin)),
            ("--upstream", "upstream", "grpc", self.upstream.clone()),
            ("--upstream-rest", "upstream", "rest", self.upstream_rest.clone()),
            ("--data", "data", "dir", data),
        ]
        .into_iter()
        .filter_map(|(flag, section, key, value)| Some((flag, section, key, value?)))
    }
}
