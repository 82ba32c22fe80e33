"""What may be refused: by Qdrant itself, by the embedded engine, and by Interlock on a managed collection."""

# Steps that Qdrant refuses. Each must be refused directly too, so that no step of the scenario fails by mistake.
QDRANT_REFUSES = {
    "query by a missing id", "recommend nobody", "batch with one that fails", "fusion without prefetches",
    "scroll ordered by an unindexed key", "facet of an unindexed key", "query nowhere", "upsert nowhere", "scroll nowhere",
    "info of nowhere", "wrong dimension", "upsert of a wrong dimension", "update of a wrong dimension", "unknown vector",
    "upsert of an unknown vector", "vectors by an unknown name", "delete an unknown vector", "sparse where dense is",
    "dense where sparse is", "limit of nothing", "empty upsert", "bad path", "set payload of nobody",
    "update vectors of nobody", "update batch that stops", "create it again",
}
# Over REST it is allowed.
GRPC_REFUSES = {"empty batch"}

# What the embedded engine says of calls that it does not do; those are compared on a real Qdrant.
NOT_EMBEDDED = "the embedded engine does not do"

# Steps that Interlock refuses on a managed collection: the reason that it gives, and why.
CLOSED = "closed_call"
POLICY = {
    "optimizations": (CLOSED, "segments of standby spaces would be shown"),
    "filter: has an unknown vector": ("unknown_vector", "Qdrant takes it for a vector that no point has; here a name that means nothing is refused"),
    "create vector name": ("unregistered_vector", "a vector name without a model"),
    "delete vector name": ("unknown_vector", "it was not made"),
}
# Besides, once the second space serves: a write must fill it, and these give no text to fill it from.
NO_TEXT = ("no_source_text", "the new model's vector can be made of nothing")
POLICY_AFTER_CUTOVER = {
    "upsert without payload": NO_TEXT,
    "update batch that stops": ("missing_point", "what cannot be done is refused before any of it"),
}

# Steps that both refuse with one status, Interlock with a text of its own.
REWORDED = {"sparse where dense is", "upsert of a wrong dimension", "update of a wrong dimension"}


def policy(mode):
    """Each step that is refused in a mode, with the reason that Interlock gives."""
    listed = {} if mode == "unmanaged" else dict(POLICY)
    if mode == "cut over":
        listed |= POLICY_AFTER_CUTOVER
    return {step: reason for step, (reason, _) in listed.items()}
