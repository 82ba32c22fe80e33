//! Protobuf: Qdrant's gRPC messages.
