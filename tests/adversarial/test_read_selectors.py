"""Where a read says its space: at any node of the query tree, in a batch, in a look-up, in what comes back."""

import pytest

from adversarial.world import FILLING, FLIPPED, NEW, OLD, PLAIN

AS_NEW = {"embedding-model": "new"}


def nearest(case, model, text="text 1", **more):
    """A node that ranks the field by a model's vector."""
    return {"query": model.vector(text), "limit": 5, **case.using, **more}


def test_the_world_tells_the_models_apart(case):
    """The instrument itself: undeclared is old, declared is new, and a standby that is being filled is not readable."""
    body = nearest(case, OLD)
    for state in (PLAIN, FILLING, FLIPPED):
        case.ranked_by(case.ask(case.collection(state), "query", body), OLD, "text 1", 5)
    body = nearest(case, NEW)
    case.ranked_by(case.ask(case.collection(FLIPPED), "query", body, AS_NEW), NEW, "text 1", 5)
    case.refused(case.ask(case.collection(FILLING), "query", body, AS_NEW), "space_not_ready", 409)
    case.refused(case.ask(case.collection(PLAIN), "query", body, AS_NEW), "wrong_space", 400)
    with pytest.raises(AssertionError):
        case.ranked_by(case.ask(case.collection(PLAIN), "query", body), NEW, "text 1")
