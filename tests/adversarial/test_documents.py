"""Texts that Interlock embeds: each names a model, and a request that names two of one field is refused."""

import pytest
from qdrant_client import grpc as pb

from adversarial.asked import AS_NEW, AS_OLD, MIXED, document, nearest, over, searches_by
from adversarial.world import FILLING, FLIPPED, NEW, OLD, PLAIN, TEXTS, similarity


def by_text(case, model, text="text 1", **more):
    """A query by a text."""
    return {"query": document(text, model), "limit": 5, **case.using, **more}


def test_case_12_positives_of_different_models(case):
    """Ids, raw vectors and texts in one list: all of them are one model's, or the request is refused."""
    rest, flipped = {**case.using, "limit": 5}, case.collection(FLIPPED)
    recommend = lambda *positive: {"query": {"recommend": {"positive": list(positive)}}, **rest}
    for mixture in (
        recommend(document("text 1", "old"), document("text 2", "new")),
        recommend(1, OLD.vector("text 1"), document("text 1", "old"), document("text 2", "new")),
        {"query": {"recommend": {"positive": [document("text 1", "old")], "negative": [document("text 2", "new")]}}, **rest},
    ):
        case.refused(case.ask(flipped, "query", mixture), MIXED)
        case.refused(case.ask(flipped, "query_batch", {"searches": [mixture]}), MIXED)
    only_new = recommend(1, NEW.vector("text 1"), document("text 1", "new"))
    case.refused(case.ask(flipped, "query", only_new, AS_OLD), MIXED)
    case.refused(case.ask(flipped, "query", {**only_new, "using": case.at(OLD)}), MIXED)
    case.refused(case.ask(case.collection(FILLING), "query", only_new), "space_not_ready", 409)
    # One text says the model of the whole node, ids and raw vectors included.
    for model in (OLD, NEW):
        body = recommend(1, model.vector("text 1"), document("text 1", model.name))
        case.ranked_by(case.ask(flipped, "query", body), model, "text 1")


def test_case_12_positive_vectors_of_the_legacy_call(grpc_case):
    case = grpc_case
    vector = lambda model, text: pb.Vector(document=pb.Document(text=text, model=model))
    message = lambda name, *positive: pb.RecommendPoints(
        collection_name=name, positive_vectors=positive, using=case.field or None, limit=5
    )
    rpc, name = "qdrant.Points/Recommend", case.collection(FLIPPED)
    case.refused(case.grpc(rpc, message(name, vector("old", "text 1"), vector("new", "text 1"))), MIXED)
    dense = pb.Vector(dense=pb.DenseVector(data=OLD.vector("text 1")))
    case.refused(case.grpc(rpc, message(name, dense, vector("new", "text 1")), AS_OLD), MIXED)
    case.ranked_by(case.grpc(rpc, message(name, dense, vector("old", "text 1"))), OLD, "text 1")


def test_case_13_two_texts_of_different_models_in_one_request(case):
    """At two nodes, in a context pair, in a feedback example, in two items of a batch."""
    old, new, rest = document("text 1", "old"), document("text 1", "new"), {**case.using, "limit": 5}
    feedback = {"target": old, "feedback": [{"example": new, "score": 0.5}], "strategy": {"naive": {"a": 1.0, "b": 1.0, "c": 1.0}}}
    for body in (
        over(by_text(case, "old"), by_text(case, "new")),
        {**by_text(case, "old"), "prefetch": [by_text(case, "new")]},
        {"query": {"context": [{"positive": old, "negative": new}]}, **rest},
        {"query": {"discover": {"target": old, "context": [{"positive": old, "negative": new}]}}, **rest},
        {"query": {"relevance_feedback": feedback}, **rest},
        over(by_text(case, "old"), by_text(case, "auto")),
        over(nearest(case, OLD), by_text(case, "new")),
    ):
        case.refused(case.ask(case.collection(FLIPPED), "query", body), MIXED)
    batch = {"searches": [by_text(case, "old"), by_text(case, "new")]}
    case.refused(case.ask(case.collection(FLIPPED), "query_batch", batch), MIXED)
    case.refused(case.ask(case.collection(FILLING), "query_batch", batch), "space_not_ready", 409)
    for model, name in ((OLD, "old"), (NEW, "new"), (NEW, "auto")):
        case.ranked_by(case.ask(case.collection(FLIPPED), "query", by_text(case, name)), model, "text 1")


@pytest.mark.parametrize("model", ["OLD", "Old", "old ", "old@1 ", "BM25", "bm25", "qdrant/bm25", "Qdrant/bm25", "old@2", "old/1"])
def test_case_14_a_models_name_spelled_otherwise(case, model):
    """A model's name is exact: one letter's case, or a blank, is another model, and nothing is guessed."""
    for state in (PLAIN, FLIPPED):
        case.refused(case.ask(case.collection(state), "query", by_text(case, model)), {"wrong_space", "unknown_model"})
        case.refused(case.ask(case.collection(state), "query", over(by_text(case, model))), {"wrong_space", "unknown_model"})


def test_case_14_a_models_name_with_its_version(case):
    case.ranked_by(case.ask(case.collection(PLAIN), "query", by_text(case, "old@1")), OLD, "text 1")
    case.ranked_by(case.ask(case.collection(PLAIN), "query", nearest(case, using=f"{case.field}@old@1")), OLD, "text 1")
    for header in ("OLD", "old@2", "old,new,older"):
        answer = case.ask(case.collection(FLIPPED), "query", nearest(case), {"embedding-model": header})
        case.refused(answer, {"wrong_space", "unknown_model", "contradicting_models"})


@pytest.mark.parametrize("options", [{"dimensions": 4}, {"truncate": True}, {"any": "thing"}], ids=str)
def test_case_15_options_change_what_a_model_makes(case, options):
    asked = {**document("text 1", "old"), "options": options}
    pair = {"positive": asked, "negative": 1}
    for query in (asked, {"nearest": asked}, {"recommend": {"positive": [asked]}}, {"context": [pair]}):
        body = {"query": query, **case.using, "limit": 5}
        case.refused(case.ask(case.collection(PLAIN), "query", body), "document_options")
        case.refused(case.ask(case.collection(FLIPPED), "query", over(body)), "document_options")


@pytest.mark.parametrize("kind", ["image", "object"])
def test_case_15_inputs_that_only_a_server_can_embed(case, kind):
    """An image or an object has a model too, and Interlock cannot make its vector: refused, not passed on."""
    asked = {kind: "http://127.0.0.1/x.png" if kind == "image" else {"a": 1}, "model": "old"}
    body = {"query": asked, **case.using, "limit": 5}
    case.refused(case.ask(case.collection(PLAIN), "query", body), "unsupported_input")
    case.refused(case.ask(case.collection(FLIPPED), "query", over(body)), "unsupported_input")


def test_case_26_a_text_query_names_a_payload_field(grpc_case):
    """Its `using` is no vector name, so it goes up as it came; an unknown kind of query does not go up at all."""
    case = grpc_case
    for state, headers in ((PLAIN, None), (FLIPPED, AS_NEW)):
        for using in ("text", "text.body", "elsewhere"):
            query = pb.Query(text=pb.TextQuery(query="text", bm25=pb.Bm25Params()))
            message = pb.QueryPoints(collection_name=case.collection(state), query=query, using=using, limit=5)
            answer = case.grpc("qdrant.Points/Query", message, headers)
            (seen,) = case.forwarded(answer)
            sent = pb.QueryPoints.FromString(bytes(seen.body[5:]))
            assert sent.using == using and sent.query == query, sent
            case.leaks_nothing(answer)
    query = pb.Query(text=pb.TextQuery(query="text", bm25=pb.Bm25Params()))
    message = pb.QueryPoints(collection_name=case.collection(PLAIN), query=query, using="_embedding.text", limit=5)
    case.refused(case.grpc("qdrant.Points/Query", message), "reserved_key")


def test_case_26_a_vector_query_labelled_as_text(grpc_case):
    """A later member of the oneof replaces the text, so Qdrant would rank by the vector, in the space of `using`."""
    case = grpc_case
    text = pb.Query(text=pb.TextQuery(query="text", bm25=pb.Bm25Params())).SerializeToString()
    vector = pb.Query(nearest=pb.VectorInput(dense=pb.DenseVector(data=NEW.vector("text 1")))).SerializeToString()
    unknown = b"\x6a\x02\x0a\x00"  # field 13
    for query in (text + vector, vector + text, text + text, vector + unknown, text + unknown, unknown):
        message = pb.QueryPoints(collection_name=case.collection(FLIPPED), using=case.field or None, limit=5).SerializeToString()
        message += b"\x1a" + bytes([len(query)]) + query
        assert len(query) < 128
        case.refused(case.grpc("qdrant.Points/Query", message), {"malformed", "unknown_field"})


def test_case_26_a_text_query_over_rest(rest_case):
    """Text with a model is embedded, text without one is a full-text query: never the one for the other."""
    case = rest_case
    for name, body in searches_by(case, OLD).items():
        if name == "query":
            answer = case.ask(case.collection(FLIPPED), name, {**body, "query": document("text 3", "new")})
            case.ranked_by(answer, NEW, "text 3")
            answer = case.ask(case.collection(FLIPPED), name, {**body, "query": document("text 3", "old")})
            case.ranked_by(answer, OLD, "text 3")
    assert similarity(OLD, "text 3", 3) > 0.99 and TEXTS[3] == "text 3"
