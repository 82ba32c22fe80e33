"""Conditions on vectors: they mean the client's space, and how far a backfill is, is nobody's to select by."""

import pytest

from adversarial.asked import AS_NEW, AS_OLD, nearest, over
from adversarial.world import FILLING, FLIPPED, NEW, OLD, PLAIN, TEXTS

HIDDEN = {"space_not_ready", "wrong_space", "unknown_vector"}


def filters(condition):
    """The condition wherever a filter can hold one."""
    return {
        "must": {"must": [condition]},
        "must, alone": {"must": condition},
        "should": {"should": [condition]},
        "must_not": {"must_not": [condition]},
        "min_should": {"min_should": {"conditions": [condition, condition], "min_count": 1}},
        "deep": {"must": [{"should": [{"must_not": [{"must": [condition]}]}]}]},
    }


def attacks(case, condition):
    """Every read that can hold a condition, with the condition everywhere: (verb, body)."""
    for made in filters(condition).values():
        yield "count", {"filter": made}
        yield "scroll", {"filter": made, "limit": 12}
        yield "query", {**nearest(case), "filter": made}
    one = filters(condition)["deep"]
    yield "facet", {"key": "group", "filter": one}
    yield "query", over(nearest(case, filter=one))
    yield "query", over(over(nearest(case, filter=one)))
    yield "query_batch", {"searches": [nearest(case), {**nearest(case), "filter": one}]}
    yield "query_groups", {**nearest(case), "filter": one, "group_by": "group", "group_size": 2}
    yield "search", {"vector": {"name": case.field, "vector": OLD.vector("text 1")} if case.field else OLD.vector("text 1"), "filter": one, "limit": 3}
    yield "recommend", {"positive": [1], **case.using, "filter": one, "limit": 3}
    yield "discover", {"target": 1, "context": [{"positive": 2, "negative": 3}], **case.using, "filter": one, "limit": 3}
    yield "matrix_pairs", {"sample": 4, "limit": 2, **case.using, "filter": one}
    yield "query", over(nearest(case), query={"formula": {"sum": ["$score", condition]}})
    yield "query", over(nearest(case), query={"formula": {"mult": [2.0, {"sum": ["$score", {"neg": condition}]}]}})
    yield "query", {**nearest(case), "params": {"idf": {"corpus": one}}}


def test_case_22_has_vector_of_the_space_that_is_being_filled(case):
    """At any depth of any filter, also in a formula and in `params.idf.corpus`."""
    for name in (case.at(NEW), case.standby(NEW)):
        for verb, body in attacks(case, {"has_vector": name}):
            answer = case.ask(case.collection(FILLING), verb, body)
            case.refused(answer, HIDDEN, 409 if answer.reason == "space_not_ready" else 400)
            case.refused(case.ask(case.collection(PLAIN), verb, body), HIDDEN)
    for verb, body in attacks(case, {"has_vector": "elsewhere"}):
        case.refused(case.ask(case.collection(FLIPPED), verb, body), "unknown_vector")


def lopsided(case):
    """A flipped collection whose point 1 has no vector in the old space, once a kind of field."""
    shared, key = case.arena._shared, ("lopsided", case.field)
    if key not in shared:
        name = case.fresh(FLIPPED)
        point = {"id": 1, "vector": case.named(NEW.vector("text 1")), "payload": {"group": "g1", "n": 1}}
        assert case.ask(name, "upsert", {"points": [point]}, AS_NEW).ok
        shared[key] = name
    return shared[key]


def count(answer):
    """The number that was counted."""
    return answer.document["result"]["count"] if answer.protocol == "rest" else answer.document.result.count


def test_case_22_has_vector_means_the_clients_own_space(case):
    name, everywhere = lopsided(case), filters({"has_vector": case.field})
    for headers, having in ((None, 11), (AS_OLD, 11), (AS_NEW, 12)):
        for place, made in everywhere.items():
            answer = case.ask(name, "count", {"filter": made}, headers)
            case.allowed(answer)
            expected = 12 - having if place in ("must_not", "deep") else having
            assert count(answer) == expected, (headers, place, answer.text)
            answer = case.ask(name, "scroll", {"filter": made, "limit": 20}, headers)
            case.allowed(answer)
            assert len(answer.hits) == expected, (headers, place, answer.text)
        answer = case.ask(name, "facet", {"key": "group", "filter": everywhere["must"]}, headers)
        case.allowed(answer)
    # A condition beside a ranking is of the ranking's space, and so is one in its formula.
    formula = {"formula": {"sum": [{"mult": [0.0, "$score"]}, {"has_vector": case.field}]}}
    for model, headers in ((OLD, AS_OLD), (NEW, AS_NEW)):
        body = over(nearest(case, model, limit=12), query=formula)
        answer = case.ask(name, "query", {**body, "limit": 12}, headers)
        case.allowed(answer)
        assert all(hit.score == 1.0 for hit in answer.hits), answer.text
        assert len(answer.hits) == (11 if model is OLD else 12)
        body = {**nearest(case, model, limit=12), "filter": everywhere["must"]}
        case.ranked_by(case.ask(name, "query", body, headers), model, "text 1", 11 if model is OLD else 12)


@pytest.mark.parametrize("verb", ["delete", "set_payload", "overwrite_payload", "clear_payload", "delete_payload", "delete_vectors"])
def test_case_23_selecting_what_is_not_migrated_yet_to_write_to_it(case, verb):
    """`must_not has_vector` of the standby finds the points without it: no client can name that space."""
    name = case.collection(FILLING)
    with case.unchanged(name):
        for vector in (case.at(NEW), case.standby(NEW)):
            for where in (filters({"has_vector": vector})["must_not"], filters({"has_vector": vector})["deep"]):
                more = {"delete_payload": {"keys": ["n"]}, "delete_vectors": {"vector": [case.field]}}.get(verb, {})
                more = {"payload": {"n": 0}} if verb in ("set_payload", "overwrite_payload") else more
                answer = case.ask(name, verb, {"filter": where, **more})
                case.refused(answer, HIDDEN, 409 if answer.reason == "space_not_ready" else 400)
                operation = {verb: {"filter": where, **more}}
                good = {"set_payload": {"points": [1], "payload": {"seen": True}}}
                answer = case.ask(name, "batch", {"operations": [good, operation]})
                case.refused(answer, HIDDEN, 409 if answer.reason == "space_not_ready" else 400)


@pytest.mark.parametrize("verb", ["upsert", "update_vectors"])
def test_case_23_the_same_in_an_update_filter(case, verb):
    name = case.collection(FILLING)
    point = {"id": 1, "vector": case.named(OLD.vector("text 1"))}
    point |= {"payload": {"text": "text 1"}} if verb == "upsert" else {}
    with case.unchanged(name):
        for vector in (case.at(NEW), case.standby(NEW)):
            body = {"points": [point], "update_filter": {"must_not": [{"has_vector": vector}]}}
            answer = case.ask(name, verb, body)
            case.refused(answer, HIDDEN | {"conditional_vector_update"}, 409 if answer.reason == "space_not_ready" else 400)


def test_case_22_has_vector_inside_a_nested_filter(case):
    """Qdrant answers it with false there. Whatever it is for, a hidden name is hidden there too."""
    nested = {"nested": {"key": "parts", "filter": {"must": [{"has_vector": case.standby(NEW)}]}}}
    answer = case.ask(case.collection(FILLING), "scroll", {"limit": 3, "filter": {"must_not": [nested]}})
    case.refused(answer, HIDDEN, 409 if answer.reason == "space_not_ready" else 400)
    assert len(TEXTS) == 12
