"""Pieces of reads, so that a test names only what is wrong with it. All are written as REST's JSON."""

from adversarial.world import NEW, OLD

AS_OLD, AS_NEW = {"embedding-model": "old"}, {"embedding-model": "new"}
# One request would rank or read a field by two models, in whichever of the ways that it says so.
MIXED = {"mixed_space", "contradicting_models", "wrong_space"}


def nearest(case, model=OLD, text="text 1", using=None, **more):
    """A query, or a prefetch, that ranks the field by a model's vector. `using` is the field where it is not given."""
    using = case.using if using is None else {"using": using}
    return {"query": model.vector(text), "limit": 5, **using, **more}


def over(*prefetches, query=None, **more):
    """A query over prefetches, fused where nothing else is said."""
    return {"prefetch": list(prefetches), "query": query or {"fusion": "rrf"}, "limit": 5, **more}


def nested(leaf, depth, around):
    """`leaf` at the end of so many prefetches, each of which is like `around`."""
    for _ in range(depth):
        leaf = {**around, "prefetch": [leaf]}
    return leaf


def document(text, model):
    """A text that Interlock embeds."""
    return {"text": text, "model": model}


def searched(case, model=OLD, text="text 1", name=None):
    """The legacy `vector` of a search."""
    name = case.field if name is None else name
    return {"name": name, "vector": model.vector(text)} if name else model.vector(text)


def searches_by(case, model, text="text 1"):
    """The same ranking said in each way that ranks by one raw vector: verb → body."""
    vector, using, limit = model.vector(text), case.using, {"limit": 5}
    legacy = {"vector": searched(case, model, text), **limit}
    grouped = {"group_by": "group", "group_size": 3, **limit}
    return {
        "query": {"query": vector, **using, **limit},
        "query_batch": {"searches": [{"query": vector, **using, **limit}] * 2},
        "query_groups": {"query": vector, **using, **grouped},
        "search": legacy,
        "search_batch": {"searches": [legacy] * 2},
        "search_groups": {**legacy, **grouped},
    }


def examples(case, model, text="text 1", **where):
    """A ranking by a raw vector in the legacy example verbs: verb → body. Their scores are the vector's own."""
    vector, rest = model.vector(text), {**case.using, "limit": 5, **where}
    return {
        "recommend": {"positive": [vector], **rest},
        "recommend_batch": {"searches": [{"positive": [vector], **rest}] * 2},
        "recommend_groups": {"positive": [vector], **rest, "group_by": "group", "group_size": 3},
    }


__all__ = [
    "AS_NEW", "AS_OLD", "MIXED", "NEW", "OLD", "document", "examples", "nearest", "nested", "over", "searched",
    "searches_by",
]
