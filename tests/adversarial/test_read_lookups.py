"""Vectors and payloads that a read takes from elsewhere: `lookup_from`, `with_lookup`, and by which name."""

import pytest

from adversarial.answers import json_hits, proto_hits
from adversarial.asked import AS_NEW, AS_OLD, over
from adversarial.world import FILLING, FLIPPED, LEAKS, NEW, OLD, PLAIN, TEXTS, alias_of, named, similarity

WRONG = {"wrong_space", "mixed_space", "contradicting_models", "foreign_lookup"}


@pytest.fixture(scope="module")
def elsewhere(arena):
    """Makes, once a field and a model, a managed collection whose point 50 holds `text 7`."""
    made = {}

    def make(field, model):
        if (field, model.name) not in made:
            name = arena.fresh(PLAIN, field, model=model, stem=f"{model.name}s")
            point = {"id": 50, "vector": named(field, model.vector("text 7")), "payload": {"text": "text 7"}}
            answer = arena.http.put(f"/collections/{name}/points?wait=true", json={"points": [point]})
            assert answer.status_code == 200, answer.text
            made[(field, model.name)] = name
        return made[(field, model.name)]

    return make


def looking_up(case, where, using=None, point=50):
    """Each read that takes a vector from elsewhere and scores by it: verb → body."""
    rest = {"using": using, "limit": 5} if using else {**case.using, "limit": 5}
    rest["lookup_from"] = where
    grouped = {"group_by": "group", "group_size": 2}
    return [
        ("query", {"query": point, **rest}),
        ("query", {"query": {"recommend": {"positive": [point]}}, **rest}),
        ("query_batch", {"searches": [{"query": point, **rest}]}),
        ("query_groups", {"query": point, **rest, **grouped}),
        ("query", over({"query": point, **rest}, query={"formula": "$score"})),
        ("recommend", {"positive": [point], **rest}),
        ("recommend_batch", {"searches": [{"positive": [point], **rest}]}),
        ("recommend_groups", {"positive": [point], **rest, **grouped}),
    ]


def discovering(case, where, using=None, point=50):
    """The same for the reads whose scores are of another kind."""
    rest = {"using": using, "limit": 5} if using else {**case.using, "limit": 5}
    rest["lookup_from"] = where
    pair = {"positive": point, "negative": point}
    return [
        ("query", {"query": {"discover": {"target": point, "context": [pair]}}, **rest}),
        ("query", {"query": {"context": [pair]}, **rest}),
        ("discover", {"target": point, "context": [pair], **rest}),
        ("discover_batch", {"searches": [{"target": point, "context": [pair], **rest}]}),
    ]


def test_case_09_lookup_from_another_collection(case, elsewhere):
    """Equal dimensions, so Qdrant would answer: only the model says whether the looked-up vector may rank here."""
    olds, news = elsewhere(case.field, OLD), elsewhere(case.field, NEW)
    here, name = case.collection(FLIPPED), {"vector": case.field} if case.field else {}
    for headers, model, right, wrong in ((None, OLD, olds, news), (AS_NEW, NEW, news, olds)):
        for verb, body in looking_up(case, {"collection": right, **name}):
            case.ranked_by(case.ask(here, verb, body, headers), model, "text 7")
        for verb, body in looking_up(case, {"collection": wrong, **name}) + discovering(case, {"collection": wrong, **name}):
            case.refused(case.ask(here, verb, body, headers), WRONG)
        for verb, body in discovering(case, {"collection": right, **name}):
            case.allowed(case.ask(here, verb, body, headers))


def test_case_09_lookup_from_an_unmanaged_collection(case):
    """Nobody knows the model of what is there. Nor does an unmanaged collection rank by a managed one's vectors."""
    bare, name = case.arena.unmanaged(case.field), {"vector": case.field} if case.field else {}
    for state in (PLAIN, FILLING, FLIPPED):
        there = case.collection(state)
        for verb, body in looking_up(case, {"collection": bare, **name}, point=101):
            case.refused(case.ask(there, verb, body), WRONG)
        for verb, body in looking_up(case, {"collection": there, **name}, point=1):
            case.refused(case.ask(bare, verb, body), WRONG)


def test_case_09_lookup_from_the_other_space_of_the_same_collection(case):
    for state, reasons, status in ((FLIPPED, WRONG, 400), (FILLING, {"space_not_ready"} | WRONG, 409)):
        here = case.collection(state)
        for vector in (case.at(NEW), case.standby(NEW)):
            for verb, body in looking_up(case, {"collection": here, "vector": vector}, point=1):
                answer = case.ask(here, verb, body)
                # Of a space that is not readable it may be said that it is another model's, or that it is not ready.
                case.refused(answer, reasons, 409 if answer.reason == "space_not_ready" else 400)
    here = case.collection(FLIPPED)
    for verb, body in looking_up(case, {"collection": here, "vector": case.at(OLD)}, using=case.at(NEW), point=1):
        case.refused(case.ask(here, verb, body), WRONG)
    for verb, body in looking_up(case, {"collection": here, "vector": case.at(NEW)}, using=case.at(NEW), point=1):
        case.ranked_by(case.ask(here, verb, body), NEW, "text 1")


def test_case_10_lookup_from_without_a_vector_name(case):
    """Query takes `using` then, the legacy calls the unnamed vector: here that one is of another model."""
    here = two_fields(case)
    where = {"collection": here}
    for verb, body in looking_up(case, where, using="text", point=1) + discovering(case, where, using="text", point=1):
        answer = case.ask(here, verb, body)
        if verb.startswith("query"):
            case.allowed(answer)
        else:
            case.refused(answer, WRONG)
    for verb, body in looking_up(case, where, using="text", point=1):
        if verb.startswith("query"):
            case.ranked_by(case.ask(here, verb, body), NEW, "text 1")
    plain = {"query": 1, "limit": 5, "lookup_from": where}
    case.ranked_by(case.ask(here, "query", plain), OLD, "text 1")
    case.ranked_by(case.ask(here, "recommend", {"positive": [1], "limit": 5, "lookup_from": where}), OLD, "text 1")


def two_fields(case):
    """A managed collection with an unnamed vector of OLD and a vector `text` of NEW, once for all."""
    shared, key = case.arena._shared, "two fields"
    if key not in shared:
        shared[key] = case.arena.with_fields({"": OLD, "text": NEW})
    return shared[key]


@pytest.mark.parametrize("verb", ["query_groups", "search_groups", "recommend_groups"])
def test_case_11_with_lookup_brings_another_collections_vectors(case, verb):
    """`n` is a point's own id, so the look-up finds a point: none of its other space may come with it."""
    ranking = {
        "query_groups": {"query": OLD.vector("text 1"), **case.using},
        "search_groups": {"vector": {"name": case.field, "vector": OLD.vector("text 1")} if case.field else OLD.vector("text 1")},
        "recommend_groups": {"positive": [OLD.vector("text 1")], **case.using},
    }[verb]
    body = {**ranking, "limit": 3, "group_by": "n", "group_size": 1, "with_payload": True}
    for there in (case.collection(FILLING), case.collection(FLIPPED)):
        for vectors in (True, [case.field], [case.standby(NEW)], [case.at(NEW)]):
            asking = {**body, "with_lookup": {"collection": there, "with_vectors": vectors}}
            answer = case.ask(case.collection(PLAIN), verb, asking)
            if answer.ok:
                # The client's own space under its own name alone; or, where it may be read, the one that it names.
                is_named = vectors not in (True, [case.field])
                name, model = (vectors[0], NEW) if is_named else (case.field, OLD)
                assert not is_named or there == case.collection(FLIPPED), answer.said
                assert is_named or not LEAKS.search(answer.text), answer.text
                records = list(looked_up(answer))
                assert len(records) == 3 and case.forwarded(answer), answer.text
                for point, brought in records:
                    assert set(brought) == {name} and model.made(brought[name], TEXTS[point]), (point, brought)
            else:
                case.refused(answer, WRONG | {"lookup_vectors", "unknown_vector", "space_not_ready"}, answer_status(answer))
        for lookup in (there, {"collection": there, "with_payload": True, "with_vectors": False}):
            answer = case.ask(case.collection(PLAIN), verb, {**body, "with_lookup": lookup})
            case.ranked_by(answer, OLD, "text 1", 3)
            assert '"group"' in answer.text or "group" in answer.text, answer.said


def looked_up(answer):
    """The points that a look-up brought, with their vectors."""
    if answer.protocol == "rest":
        for group in answer.document["result"]["groups"]:
            yield from ((hit.id, hit.vectors) for hit in json_hits(group["lookup"]))
    else:
        for group in answer.document.result.groups:
            yield from ((hit.id, hit.vectors) for hit in proto_hits(group.lookup))


def answer_status(answer):
    """The status that goes with the answer's reason."""
    return 409 if answer.reason == "space_not_ready" else 400


def test_case_77_the_path_names_an_alias_and_the_body_the_collection(case):
    """Both are the same collection, and its other space is as far away as before."""
    real = case.collection(FLIPPED)
    alias = alias_of(real)
    for here, there in ((alias, real), (real, alias), (alias, alias)):
        for verb, body in looking_up(case, {"collection": there, "vector": case.at(NEW)}, point=1):
            case.refused(case.ask(here, verb, body), WRONG)
        own = {"collection": there, "vector": case.field}
        for verb, body in looking_up(case, own, point=1):
            case.ranked_by(case.ask(here, verb, body), OLD, "text 1")
        for verb, body in looking_up(case, own, point=1):
            case.ranked_by(case.ask(here, verb, body, AS_NEW), NEW, "text 1")


def test_case_95_lookup_by_an_alias_keeps_the_example_among_the_results(case):
    """Qdrant leaves an example out where the look-up names the real collection, and keeps it where it names an alias."""
    real = case.collection(FLIPPED)
    alias = alias_of(real)
    for headers, model in ((AS_OLD, OLD), (AS_NEW, NEW)):
        for there, excluded in ((real, True), (alias, False)):
            body = {"query": 1, "limit": 12, **case.using, "lookup_from": {"collection": there, "vector": case.field}}
            answer = case.ask(real, "query", body, headers)
            case.ranked_by(answer, model, "text 1")
            expected = case.ask_directly(real, "query", without_interlock(case, body, model))
            assert {hit.id for hit in answer.hits} == {hit.id for hit in expected.hits}, (there, answer.hits)
            assert (1 not in {hit.id for hit in answer.hits}) == excluded, there


def without_interlock(case, body, model):
    """The same read as Qdrant must be asked it, by the space's real name."""
    real = case.field if model is OLD else case.standby(NEW)
    made = {**body, "lookup_from": {**body["lookup_from"], "vector": real}}
    return {**made, "using": real} if real else made


def test_the_similarity_of_a_point_to_itself_is_one():
    """The measure that these tests trust."""
    for model in (OLD, NEW):
        assert all(abs(similarity(model, text, point) - 1) < 1e-6 for point, text in TEXTS.items())
