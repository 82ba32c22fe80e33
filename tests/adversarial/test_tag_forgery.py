"""Tags: forged, changed or erased, by every spelling of the reserved key."""

import json

import pytest
from qdrant_client import grpc as pb

from adversarial.ledger import Ledger, point
from adversarial.world import FILLING, FLIPPED, NEW, OLD, PLAIN, named
from harness.rawproto import text_field, varint_field

TAMPERING = ("tag_tampering", 403)
# Paths that lead into the tag, in all of the grammar's forms.
PATHS = [
    "_embedding", '"_embedding"', "_embedding.text", '_embedding."".models', '"_embedding"."text".write_id',
    "_embedding[0]", "_embedding[]", '"_embedding"[].x',
]
# Keys and paths that only look like it.
OTHERS = ["_embeddings", "_Embedding", "x._embedding", " _embedding", '"_embedding "', "embedding"]
FORGERIES = {
    "a text": "mine",
    "nothing": None,
    "an entry": {"text": {"write_id": "0", "models": {"text": "new@1#0"}}, "": {"models": {"": "new@1#0"}}},
    "a list": [1, {"models": {}}],
}


def refuses(case, collection, verb, body):
    """Tampering, and nothing of it forwarded or changed."""
    with case.unchanged(collection):
        case.refused(case.ask(collection, verb, body), *TAMPERING)


@pytest.mark.parametrize("forged", FORGERIES.values(), ids=FORGERIES.keys())
def test_case_33_an_upsert_with_a_tag_of_its_own(case, forged):
    fields = {"text": "text 1", "_embedding": forged}
    body = {"points": [point(2, case.named(OLD.vector("text 2")), {}), point(1, case.named(OLD.vector("text 1")), fields)]}
    for state in (PLAIN, FILLING):
        refuses(case, case.collection(state), "upsert", body)
        refuses(case, case.collection(state), "batch", {"operations": [{"upsert": body}]})


def test_case_33_a_tag_in_one_row_of_the_column_form(rest_case):
    vectors = [OLD.vector("text 1"), OLD.vector("text 2")]
    columns = {"ids": [1, 2], "payloads": [{"a": 1}, {"_embedding": {}}]}
    columns["vectors"] = {rest_case.field: vectors} if rest_case.field else vectors
    refuses(rest_case, rest_case.collection(PLAIN), "upsert", {"batch": columns})
    refuses(rest_case, rest_case.collection(PLAIN), "batch", {"operations": [{"upsert": {"batch": columns}}]})


def test_case_33_the_column_form_is_tagged_row_by_row(rest_case):
    ledger = Ledger(rest_case, FILLING)
    vectors = [OLD.vector("first"), OLD.vector("second")]
    columns = {"ids": [1, 90], "payloads": [{"text": "first"}, {"text": "second", "n": 2}]}
    columns["vectors"] = {rest_case.field: vectors} if rest_case.field else vectors
    ledger.done("upsert", {"batch": columns})
    ledger.put(1, {"text": "first"}, "first")
    ledger.put(90, {"text": "second", "n": 2}, "second")
    ledger.holds()


@pytest.mark.parametrize("spelled", [r'"\u005fembedding"', r'"_\u0065mbedding"', r'"\u005F\u0065mbedding"'])
def test_case_34_the_key_spelled_with_escapes(rest_case, spelled):
    collection = rest_case.collection(PLAIN)
    vector = json.dumps(rest_case.named(OLD.vector("text 1")))
    bodies = [
        ("PUT", "/points", f'{{"points":[{{"id":1,"vector":{vector},"payload":{{{spelled}:{{}}}}}}]}}'),
        ("PUT", "/points", f'{{"points":[{{"id":1,"vector":{vector},"pa\\u0079load":{{{spelled}:1}}}}]}}'),
        ("POST", "/points/payload", f'{{"payload":{{{spelled}:1}},"points":[1]}}'),
        ("PUT", "/points/payload", f'{{"payload":{{"a":1,{spelled}:null}},"points":[1]}}'),
        ("POST", "/points/payload", f'{{"payload":{{"a":1}},"key":{spelled},"points":[1]}}'),
        ("POST", "/points/payload/delete", f'{{"keys":["a",{spelled}],"points":[1]}}'),
        ("PUT", "/index", f'{{"field_name":{spelled},"field_schema":"keyword"}}'),
    ]
    with rest_case.unchanged(collection):
        for method, path, body in bodies:
            answer = rest_case.rest(method, f"/collections/{collection}{path}", body)
            rest_case.refused(answer, *TAMPERING)


@pytest.mark.parametrize("path", PATHS)
def test_case_34_the_key_spelled_as_a_path(case, path):
    collection = case.collection(FILLING)
    refuses(case, collection, "delete_payload", {"keys": [path], "points": [1]})
    refuses(case, collection, "set_payload", {"payload": {"models": {}}, "key": path, "points": [1]})
    by_filter = {"must": [{"key": "n", "match": {"value": 1}}]}
    operations = [{"delete_payload": {"keys": ["n", path], "filter": by_filter}}]
    refuses(case, collection, "batch", {"operations": operations})


@pytest.mark.parametrize("key", OTHERS)
def test_case_34_keys_that_only_look_like_it_are_the_clients_own(case, key):
    ledger = Ledger(case, PLAIN)
    ledger.done("upsert", {"points": [point(1, case.named(OLD.vector("one")), {key: "mine", "text": "one"})]})
    ledger.put(1, {key: "mine", "text": "one"}, "one")
    ledger.done("set_payload", {"payload": {key: "still"}, "points": [1]})
    ledger.points[1].payload[key] = "still"
    ledger.holds()


def test_case_34_the_key_inside_a_payload_is_the_clients_own(case):
    ledger = Ledger(case, PLAIN)
    ledger.done("set_payload", {"payload": {"_embedding": 1}, "key": "mine", "points": [1]})
    ledger.points[1].payload["mine"] = {"_embedding": 1}
    ledger.holds()


def test_case_34_the_key_twice_in_a_protobuf_map(grpc_case):
    """The last entry of a map wins on the server: neither the first nor the last may be a tag."""
    value = pb.Value(string_value="mine").SerializeToString()
    entry = lambda key: text_field(3, text_field(1, key) + text_field(2, value))
    vectors = pb.Vectors(vector=pb.Vector(dense=pb.DenseVector(data=OLD.vector("text 1"))))
    if grpc_case.field:
        vectors = pb.Vectors(vectors=pb.NamedVectors(vectors={grpc_case.field: vectors.vector}))
    plain = pb.PointStruct(id=pb.PointId(num=1), vectors=vectors).SerializeToString()
    collection = grpc_case.collection(PLAIN)
    with grpc_case.unchanged(collection):
        for keys in (["_embedding", "a"], ["a", "_embedding"], ["_embedding", "_embedding"], ["a", "a"]):
            made = plain + b"".join(entry(key.encode()) for key in keys)
            message = text_field(1, collection.encode()) + varint_field(2, 1) + text_field(3, made)
            answer = grpc_case.grpc("qdrant.Points/Upsert", message)
            if len(set(keys)) == 1:
                grpc_case.refused(answer, "malformed")
            else:
                grpc_case.refused(answer, *TAMPERING)


def test_case_35_a_tag_set_to_null(case):
    for state in (PLAIN, FILLING, FLIPPED):
        refuses(case, case.collection(state), "set_payload", {"payload": {"_embedding": None}, "points": [1]})
        refuses(case, case.collection(state), "overwrite_payload", {"payload": {"_embedding": None}, "points": [1]})


def test_case_35_a_set_or_overwritten_tag_by_filter_and_in_a_batch(case):
    collection = case.collection(FILLING)
    everything = {"must": [{"key": "n", "range": {"gte": 0}}]}
    for verb in ("set_payload", "overwrite_payload"):
        forged = {"payload": {"a": 1, "_embedding": {"text": {"models": {"text": "new@1#0"}}}}, "filter": everything}
        refuses(case, collection, verb, forged)
        harmless = {"set_payload": {"payload": {"a": 1}, "points": [1]}}
        refuses(case, collection, "batch", {"operations": [harmless, {verb: forged}]})


@pytest.mark.parametrize("state", [PLAIN, FILLING, FLIPPED])
def test_case_36_delete_payload_with_the_tag_among_many(case, state):
    """Refused whole: a client that names the key means the tag, and a half of what it asked would not be an answer."""
    body = {"keys": ["n", "_embedding", "group"], "points": [1, 2]}
    refuses(case, case.collection(state), "delete_payload", body)


def test_case_36_deleting_other_keys_leaves_the_tag(case):
    ledger = Ledger(case, FILLING)
    before = ledger.tags()
    ledger.done("delete_payload", {"keys": ["n", "group"], "points": [1]})
    ledger.done("delete_payload", {"keys": ['"n"'], "filter": {"must": [{"key": "n", "range": {"gte": 5}}]}})
    ledger.points[1].payload = {"text": "text 1"}
    for id in range(5, 13):
        del ledger.points[id].payload["n"]
    ledger.holds()
    assert ledger.tags() == before


def test_case_33_a_claimed_model_must_be_the_vectors_model(case):
    """The header says one model, the name another: refused; of one dimension, so nothing else could tell."""
    collection = case.collection(FILLING)
    with case.unchanged(collection):
        alone = {"points": [point(1, named(case.field, {"text": "x", "model": "new"}), {"text": "x"})]}
        case.refused(case.ask(collection, "upsert", alone, {"embedding-model": "old"}), "contradicting_models")
        unknown = {"points": [point(1, {f"{case.field}@nobody": OLD.vector("x")}, {"text": "x"})]}
        case.refused(case.ask(collection, "upsert", unknown), {"wrong_space", "unknown_model"})
        twice = {"points": [point(1, {case.at(OLD): OLD.vector("x"), case.field: OLD.vector("x")}, {"text": "x"})]}
        case.refused(case.ask(collection, "upsert", twice), "contradicting_models")
