//! Which calls an operator can open, and to whom. Pure: `config` reads it, the table of routes names it, `engine` asks.

/// Calls that are opened together. Closed while they could reach a managed collection, unless the configuration opens
/// them to everybody or a client's API key has them in its scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Making and downloading snapshots: files with the vectors of every space.
    Snapshots,
    /// Recovery from a snapshot: replaces vectors and tags.
    Restore,
    /// Shard keys, transfers, clean-ups: moves or drops points, and what was written lately.
    Shards,
    /// Raw files of a collection.
    StorageRead,
    /// Peers and the keys of the consensus.
    Cluster,
    /// Figures that name vectors and payload keys of ours.
    Telemetry,
    /// Logs and traces of the server, which hold requests.
    Debug,
}

impl Group {
    /// Its name in the configuration, in refusals and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Group::Snapshots => "snapshots",
            Group::Restore => "restore",
            Group::Shards => "shards",
            Group::StorageRead => "storage-read",
            Group::Cluster => "cluster",
            Group::Telemetry => "telemetry",
            Group::Debug => "debug",
        }
    }
}
