//! JSON: Qdrant's REST bodies.
