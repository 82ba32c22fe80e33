//! Qdrant's API over the crate `qdrant-edge`, in process.
