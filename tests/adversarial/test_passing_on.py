"""What goes with a request (deadlines, consistency, ordering) and what comes back when the upstream says no."""

import re

import pytest
from qdrant_client import grpc as pb
from qdrant_client import models

from adversarial import protobuf as wire
from adversarial.asked import AS_NEW, AS_OLD, nearest
from adversarial.spoken import VERBS, query
from adversarial.world import FILLING, FLIPPED, NEW, OLD, PLAIN, TEXTS, payload_of
from harness.clients import official

UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


def true_claims(case, name):
    """Every claim of every tag is true: the space has a vector, and it is the model's of the point's text."""
    for point, (payload, vectors) in case.arena.stored(name).items():
        claims = payload.get("_embedding", {}).get(case.field, {}).get("models", {})
        for space, model in ((case.field, OLD), (case.standby(NEW), NEW)):
            if space in claims:
                assert claims[space].startswith(f"{model.name}@1#"), (point, claims)
                assert model.made(vectors.get(space), payload["text"]), (point, space)


def test_case_84_an_answer_to_many_upstream_requests_is_one_answer(case):
    """An overwrite needs a look-up of Interlock's own: the client sees one result, of the shape that Qdrant gives."""
    name = case.fresh(FLIPPED)
    operations = [
        {"set_payload": {"points": [1], "payload": {"seen": True}}},
        {"overwrite_payload": {"points": [2], "payload": payload_of(2)}},
        {"clear_payload": {"points": [3]}},
        {"set_payload": {"points": [4], "payload": {"seen": True}}},
    ]
    answer = case.ask(name, "batch", {"operations": operations})
    case.allowed(answer)
    assert len(case.forwarded(answer)) > 1, "this was to take several requests"
    if case.is_rest:
        shape = case.ask_directly(case.arena.unmanaged(case.field), "set_payload", {"points": [101], "payload": {"seen": True}})
        assert answer.document.keys() == shape.document.keys(), (answer.text, shape.text)
        assert len(answer.document["result"]) == 4 and answer.document["time"] >= 0.0
        assert {one["status"] for one in answer.document["result"]} == {"completed"}
    else:
        assert len(answer.document.result) == 4 and answer.document.time >= 0.0
        assert {one.status for one in answer.document.result} == {pb.UpdateStatus.Completed}
    single = case.ask(name, "overwrite_payload", {"points": [5], "payload": payload_of(5)})
    case.allowed(single)
    result = single.document["result"] if case.is_rest else single.document.result
    assert not isinstance(result, list), single.text


@pytest.mark.parametrize("given", ["5S", "5000m", "1M", "20000000u", "99999999n"])
def test_case_88_a_deadline_goes_up_less_a_margin(grpc_case, given):
    """The server must give up before the client does, or the client sees an end where something was still written."""
    case = grpc_case
    answer = case.grpc("qdrant.Points/Query", query(case.collection(FLIPPED), nearest(case)), {"grpc-timeout": given})
    case.ranked_by(answer, OLD, "text 1", 5)
    (seen,) = case.forwarded(answer)
    seconds = lambda text: int(text[:-1]) * UNITS[text[-1]]
    assert 0 < seconds(seen.fields["grpc-timeout"]) < seconds(given), seen.fields


def test_case_88_a_deadline_that_is_over_in_the_middle_of_a_write(grpc_case):
    """Whatever was written when the time was over, no tag claims a vector that is not there."""
    case, name = grpc_case, grpc_case.fresh(FLIPPED)
    for at, given in enumerate(["1n", "100u", "1m", "2m", "5m", "20m"]):
        text = f"late {at}"
        entry = wire.field(1, wire.field(1, case.field) + wire.field(2, wire.vector(OLD.vector(text))))
        payload = wire.field(3, wire.field(1, "text") + wire.field(2, wire.field(4, text)))
        points = [wire.point(point, wire.field(2, entry), payload) for point in TEXTS]
        answer = case.grpc("qdrant.Points/Upsert", wire.upsert(name, *points), {"grpc-timeout": given})
        assert answer.status in (0, 1, 4, 14), answer.said
    # A write behind them is served after them; then all is at rest.
    last = {"points": [{"id": 1, "vector": case.named(OLD.vector("last")), "payload": {"text": "last"}}]}
    case.allowed(case.ask(name, "upsert", last))
    true_claims(case, name)
    assert case.arena.stored(name)[1][0]["text"] == "last"


def test_case_89_consistency_and_ordering_go_up_as_they_came(case):
    """On the client's own request, on its parts, and on what Interlock looks up for it."""
    headers = {"x-qdrant-routing-token": "token-7"}
    name = case.fresh(FLIPPED)
    if case.is_rest:
        answer = case.rest("POST", f"/collections/{name}/points/query?consistency=majority&timeout=9", nearest(case), headers)
        assert all("consistency=majority" in seen.line and "timeout=9" in seen.line for seen in case.forwarded(answer))
    else:
        message = query(name, nearest(case))
        message.read_consistency.type = pb.ReadConsistencyType.Majority
        message.timeout = 9
        answer = case.grpc("qdrant.Points/Query", message, headers)
        (seen,) = case.forwarded(answer)
        sent = pb.QueryPoints.FromString(bytes(seen.body[5:]))
        assert sent.read_consistency == message.read_consistency and sent.timeout == 9, sent
    case.allowed(answer)
    assert all(seen.fields.get("x-qdrant-routing-token") == "token-7" for seen in case.forwarded(answer))
    vector = case.named(OLD.vector("text 1"))
    for verb, body in (
        ("update_vectors", {"points": [{"id": 1, "vector": vector}]}),
        ("overwrite_payload", {"points": [1], "payload": payload_of(1)}),
        ("upsert", {"points": [{"id": 1, "vector": vector, "payload": payload_of(1)}]}),
    ):
        answer = ordered(case, name, verb, body, headers)
        case.allowed(answer)
        assert all(seen.fields.get("x-qdrant-routing-token") == "token-7" for seen in case.forwarded(answer)), verb
        writes = [seen for seen in case.forwarded(answer) if not seen.line.endswith(("/Get", "/Scroll", "/points", "/scroll"))]
        assert writes and all(is_strong(case, seen) for seen in writes), (verb, [seen.line for seen in writes])
    true_claims(case, name)


def ordered(case, name, verb, body, headers):
    """The write with strong ordering."""
    method, path, rpc, convert = VERBS[verb]
    if case.is_rest:
        return case.rest(method, f"/collections/{name}{path}&ordering=strong", body, headers)
    message = convert(name, body)
    message.ordering.type = pb.WriteOrderingType.Strong
    return case.grpc(f"qdrant.Points/{rpc}", message, headers)


def is_strong(case, seen):
    """Whether a write that went up is ordered strongly and awaited."""
    if case.is_rest:
        return "ordering=strong" in seen.line and "wait=true" in seen.line
    kinds = {
        "Upsert": pb.UpsertPoints, "UpdateVectors": pb.UpdatePointVectors, "UpdateBatch": pb.UpdateBatchPoints,
        "SetPayload": pb.SetPayloadPoints, "OverwritePayload": pb.SetPayloadPoints,
    }
    sent = kinds[seen.line.rsplit("/", 1)[1]].FromString(bytes(seen.body[5:]))
    return sent.wait and sent.ordering.type == pb.WriteOrderingType.Strong


def test_case_90_the_upstreams_own_refusals_are_given_on(case):
    """A strict mode, a missing point, a broken filter: the server's word, and no claim that is not true afterwards."""
    name = case.fresh(FLIPPED)
    vector = case.named(OLD.vector("text 1"))
    for verb, body in (
        ("update_vectors", {"points": [{"id": 1, "vector": vector}, {"id": 999, "vector": vector}]}),
        ("update_vectors", {"points": [{"id": 999, "vector": vector}]}),
        ("query", {"query": 999, **case.using, "limit": 3}),
        ("scroll", {"limit": 3, "order_by": "text"}),
    ):
        answer = case.ask(name, verb, body)
        assert not answer.ok, (verb, answer.said)
        assert answer.is_status(404) or answer.is_status(400), (verb, answer.said)
        # Where Interlock itself says how to name a model's vector, that name is the client's contract.
        assert answer.reason in (None, "missing_point"), answer.said
        if answer.reason is None:
            case.leaks_nothing(answer)
        true_claims(case, name)


def test_case_90_a_strict_mode_that_forbids_what_interlock_needs(case):
    """Its limits hold for the client's part of the work, and are told as the server tells them."""
    name = case.fresh(FLIPPED)
    client = official(case.arena.world.direct)
    strict = models.StrictModeConfig(enabled=True, max_query_limit=4, upsert_max_batchsize=2)
    try:
        client.update_collection(name, strict_mode_config=strict)
        is_strict = client.get_collection(name).config.strict_mode_config
    except Exception as error:  # the embedded engine may not have it, and says so
        assert "embedded" in str(error), error
        is_strict = None
    answer = case.ask(name, "query", nearest(case, limit=12))
    points = [{"id": point, "vector": case.named(OLD.vector(TEXTS[point])), "payload": payload_of(point)} for point in (1, 2, 3)]
    written = case.ask(name, "upsert", {"points": points})
    if is_strict:
        client.update_collection(name, strict_mode_config=models.StrictModeConfig(enabled=False))
    client.close()
    for one in (answer, written):
        if is_strict:
            assert one.is_status(400) and one.reason is None, one.said
        else:
            case.allowed(one)
        case.leaks_nothing(one)
    true_claims(case, name)


def test_case_91_interlocks_own_writes_are_awaited(case):
    """A write that is not awaited may not be seen by the look that verifies it."""
    start = len(case.arena.recorder.requests)
    case.fresh(FILLING)
    seen = case.arena.recorder.requests[start:]
    kinds = {
        "UpdateVectors": pb.UpdatePointVectors, "SetPayload": pb.SetPayloadPoints, "UpdateBatch": pb.UpdateBatchPoints,
        "DeletePayload": pb.DeletePayloadPoints, "CreateVectorName": pb.CreateVectorNameRequest, "Upsert": pb.UpsertPoints,
    }
    writes = [(one.line, kinds[kind].FromString(bytes(one.body[5:]))) for one in seen if (kind := one.line.rsplit("/", 1)[-1]) in kinds]
    assert any(line.endswith(("/UpdateVectors", "/UpdateBatch")) for line, _ in writes), [one.line for one in seen]
    assert all(message.wait for _, message in writes), writes
    counts = [pb.CountPoints.FromString(bytes(one.body[5:])) for one in seen if one.line.endswith("/Count")]
    assert counts and all(count.exact for count in counts), counts


def test_case_98_examples_without_the_vector(case):
    """Qdrant 1.18's legacy discover panics on a context point without it and answers nothing: the loss is told as such,
    at once, shows nothing, and costs no other request its answer."""
    name = case.fresh(FLIPPED)
    point = {"id": 1, "vector": case.named(NEW.vector("text 1")), "payload": {"group": "g1", "n": 1}}
    assert case.ask(name, "upsert", {"points": [point]}, AS_NEW).ok
    rest = {**case.using, "limit": 3}
    for verb, body in (
        ("discover", {"target": 2, "context": [{"positive": 1, "negative": 3}], **rest}),
        ("discover", {"target": 1, "context": [{"positive": 2, "negative": 3}], **rest}),
        ("discover_batch", {"searches": [{"target": 2, "context": [{"positive": 3, "negative": 1}], **rest}]}),
        ("query", {"query": {"context": [{"positive": 1, "negative": 3}]}, **rest}),
        ("query", {"query": {"discover": {"target": 1, "context": [{"positive": 2, "negative": 3}]}}, **rest}),
    ):
        answer = case.ask(name, verb, body, AS_OLD)
        assert answer.ok or answer.message, (verb, answer.said)
        assert not answer.is_status(503) or answer.reason == "outcome_unknown", (verb, answer.said)
        assert 1 not in {hit.id for hit in answer.hits}, answer.hits
        case.leaks_nothing(answer)
        case.ranked_by(case.ask(name, "query", nearest(case)), OLD, "text 1")


def test_case_99_names_that_look_alike(case):
    """Names are bytes: another case, a blank, another form of an accent names no vector, and two that look like one
    cannot be made."""
    names = {"text": OLD, "\u00e9": NEW}
    name = case.arena.with_fields(names)
    for using, model in names.items():
        answer = case.ask(name, "query", {"query": model.vector("text 1"), "using": using, "limit": 5})
        case.ranked_by(answer, model, "text 1", 5)
        answer = case.ask(name, "scroll", {"limit": 5, "with_vector": [using]})
        case.reads_back(answer, model, using)
    for using in ("Text", "text ", "e\u0301", "TEXT", "tExt", " text", "text\u00a0", "\u00c9", "te\u200bxt", "text\u0000"):
        answer = case.ask(name, "query", {"query": OLD.vector("text 1"), "using": using, "limit": 5})
        case.refused(answer, "unknown_vector")
    body = {"query": OLD.vector("text 1"), "using": "Text@old", "limit": 5}
    case.refused(case.ask(name, "query", body), {"wrong_space", "unknown_vector"})
    for pair in (("text", "Text"), ("text", "text "), ("\u00e9", "e\u0301")):
        vectors = {each: {"size": OLD.dimension, "distance": "Cosine"} for each in pair}
        made = case.rest("PUT", f"/collections/{name}-alike", {"vectors": vectors})
        assert made.is_status(400) and made.reason, made.said
        case.nothing_forwarded(made)


@pytest.mark.parametrize("vector", ["Text", "text%20", "TEXT", "%E2%80%8Btext"])
def test_case_99_a_look_alike_cannot_be_created(rest_case, vector):
    """A client makes no vector names of a managed collection past Interlock, least of all one that looks like another."""
    case = rest_case
    for state in (PLAIN, FLIPPED):
        body = {"dense": {"size": 8, "distance": "Cosine"}}
        answer = case.rest("PUT", f"/collections/{case.collection(state)}/vectors/{vector}", body)
        assert answer.reason and (answer.is_status(403) or answer.is_status(400) or answer.is_status(409)), answer.said
        case.nothing_forwarded(answer)


@pytest.mark.parametrize("mode", ["insert_only", "update_only", "update_filter"])
def test_case_100_a_write_that_changes_nothing_says_that_it_is_done(case, mode):
    """`completed` says nothing of whether a point was skipped: no tag may follow from it."""
    name = case.fresh(FLIPPED)
    skipped = {"id": 1 if mode != "update_only" else 77, "vector": case.named(OLD.vector("other")), "payload": {"text": "other"}}
    body = {"points": [skipped], "update_mode": mode} if mode != "update_filter" else {
        "points": [skipped], "update_filter": {"must": [{"key": "n", "match": {"value": 12345}}]}
    }
    before = case.arena.stored(name)
    answer = case.ask(name, "upsert", body)
    case.allowed(answer)
    assert re.search("completed", answer.text, re.IGNORECASE), answer.text
    assert case.arena.stored(name) == before, "a skipped point has changed"
    case.ranked_by(case.ask(name, "query", nearest(case, NEW), AS_NEW), NEW, "text 1")
    true_claims(case, name)
