"""Protobuf that a server reads in one way and a checker in another: refused, or read exactly as the server does."""

import pytest

from adversarial import protobuf as wire
from adversarial.protobuf import field, nearest, number, prefetch, query_points, upsert, vector
from adversarial.world import FILLING, FLIPPED, NEW, OLD, PLAIN

BROKEN = {"malformed", "unknown_field", "ambiguous_body", "mixed_space", "contradicting_models"}
QUERY, UPSERT, SEARCH = "qdrant.Points/Query", "qdrant.Points/Upsert", "qdrant.Points/Search"


def plain_query(case, name, *more):
    """A query that is right, with more behind it."""
    return query_points(name, nearest(OLD.vector("text 1")), case.field or None, *more)


def test_case_65_a_scalar_field_twice(grpc_case):
    """Qdrant takes the last one, so a check that takes the first would look at another space, or another collection."""
    case, name, bare = grpc_case, grpc_case.collection(FLIPPED), grpc_case.arena.unmanaged(grpc_case.field)
    vector = nearest(OLD.vector("text 1"))
    for first, last in ((case.field, case.standby(NEW)), (case.standby(NEW), case.field), (case.field, case.at(NEW))):
        case.refused(case.grpc(QUERY, query_points(name, vector, first or "", field(4, first), field(4, last))), BROKEN)
        inner = field(2, field(2, vector) + field(3, first) + field(3, last))
        case.refused(case.grpc(QUERY, query_points(name, vector, case.field, inner)), BROKEN)
    for outer, last in ((bare, name), (name, bare), (name, name), ("nowhere", name)):
        message = plain_query(case, outer) + field(1, last)
        case.refused(case.grpc(QUERY, message), BROKEN)
        # Also where much stands between the two, which a look at the first bytes would not see.
        message = plain_query(case, outer, *(prefetch(vector, case.field) for _ in range(40))) + field(1, last)
        case.refused(case.grpc(QUERY, message), BROKEN | {"too_many_items"})


def test_case_65_the_collections_name_stands_last(grpc_case):
    """Where a field stands says nothing about it."""
    case, name = grpc_case, grpc_case.collection(FLIPPED)
    body = plain_query(case, "")[2:]
    case.ranked_by(case.grpc(QUERY, body + field(1, name)), OLD, "text 1", 5)
    switched = query_points("", nearest(NEW.vector("text 1")), case.at(NEW))[2:]
    case.refused(case.grpc(QUERY, switched + field(1, case.collection(FILLING))), "space_not_ready", 409)


@pytest.mark.parametrize("kind", ["query", "filter", "params", "lookup_from", "with_vectors", "with_payload"])
def test_case_66_a_message_field_twice(grpc_case, kind):
    """Protobuf merges them: names are appended, vectors grow longer, conditions add up."""
    case, name = grpc_case, grpc_case.collection(FLIPPED)
    has_vector = lambda vector: field(2, field(7, field(1, vector)))
    twice = {
        "query": (3, nearest(OLD.vector("text 1")[:4]), nearest(OLD.vector("text 1")[4:])),
        "filter": (5, has_vector(case.field), has_vector(case.standby(NEW))),
        "params": (6, number(2, 1), number(2, 0)),
        "lookup_from": (14, field(1, name) + field(2, case.field), field(2, case.standby(NEW))),
        "with_vectors": (10, field(2, field(1, case.field)), field(2, field(1, case.standby(NEW)))),
        "with_payload": (11, number(1, 1), number(1, 0)),
    }[kind]
    base = field(1, name) + (field(4, case.field) if case.field else b"") + number(8, 5)
    base += b"" if kind == "query" else field(3, nearest(OLD.vector("text 1")))
    case.refused(case.grpc(QUERY, base + field(twice[0], twice[1]) + field(twice[0], twice[2])), BROKEN)


def test_case_66_halves_of_a_vector_in_two_query_fields_of_a_prefetch(grpc_case):
    case, name = grpc_case, grpc_case.collection(FLIPPED)
    halves = field(2, nearest(NEW.vector("text 1")[:4])) + field(2, nearest(NEW.vector("text 1")[4:]))
    using = field(3, case.field) if case.field else b""
    case.refused(case.grpc(QUERY, plain_query(case, name, field(2, halves + using))), BROKEN)


def test_case_67_two_members_of_a_oneof(grpc_case):
    """The last one counts for Qdrant: nearest, then recommend; a text, then a vector."""
    case, name = grpc_case, grpc_case.collection(FLIPPED)
    near, by_id = nearest(OLD.vector("text 1")), field(2, field(1, field(1, number(1, 1))))
    for query in (near + by_id, by_id + near):
        case.refused(case.grpc(QUERY, query_points(name, query, case.field)), BROKEN)
        case.refused(case.grpc(QUERY, plain_query(case, name, prefetch(query, case.field))), BROKEN)
    document = field(5, field(1, "text 1") + field(3, "new"))
    dense = field(2, field(1, wire.floats(OLD.vector("text 1"))))
    for member in (dense + document, document + dense):
        case.refused(case.grpc(QUERY, query_points(name, field(1, member), case.field)), BROKEN)
    one, named = field(1, vector(OLD.vector("x"))), field(2, field(1, field(1, case.field) + field(2, vector(OLD.vector("x")))))
    for vectors in (one + named, named + one):
        with case.unchanged(name):
            case.refused(case.grpc(UPSERT, upsert(name, wire.point(77, vectors))), BROKEN)
    selector = number(1, 1) + field(2, field(1, case.standby(NEW)))
    case.refused(case.grpc(QUERY, plain_query(case, name, field(10, selector))), BROKEN)


def test_case_68_map_entries_twice_and_without_a_key(grpc_case):
    """The last entry wins whole; an entry without a key is the unnamed vector."""
    case, name = grpc_case, grpc_case.fresh(FLIPPED)
    entry = lambda key, model: field(1, (field(1, key) if key is not None else b"") + field(2, vector(model.vector("77"))))
    text = field(3, field(1, "text") + field(2, field(4, "77")))
    with case.unchanged(name):
        for first, last in ((OLD, NEW), (NEW, OLD)):
            vectors = field(2, entry(case.field, first) + entry(case.field, last))
            case.refused(case.grpc(UPSERT, upsert(name, wire.point(77, vectors, text))), BROKEN)
        answer = case.grpc(UPSERT, upsert(name, wire.point(77, field(2, entry(None, OLD) + entry("", OLD)), text)))
        case.refused(answer, BROKEN | {"unknown_vector"})
        empty = field(2, field(1, field(1, case.field)))
        case.refused(case.grpc(UPSERT, upsert(name, wire.point(77, empty, text))), BROKEN | {"wrong_dimension", "wrong_kind"})
        tags = field(3, field(1, "a") + field(2, number(3, 1))) + field(3, field(1, "a") + field(2, number(3, 2)))
        answer = case.grpc(UPSERT, upsert(name, wire.point(77, field(2, entry(case.field, OLD)), text + tags)))
        case.refused(answer, BROKEN)
    answer = case.grpc(UPSERT, upsert(name, wire.point(77, field(2, entry(None, OLD)), text)))
    if case.field:
        case.refused(answer, "unknown_vector")
        return
    case.allowed(answer)
    payload, vectors = case.arena.stored(name)[77]
    assert OLD.made(vectors[""], "77") and NEW.made(vectors["@new@1"], "77")
    assert payload["_embedding"][""]["models"].keys() == {"", "@new@1"}


def test_case_69_a_vector_in_its_old_form_and_in_chunks(grpc_case):
    """With a member of the oneof the old `data` is ignored; chunks, packed or not, are one vector."""
    case, name = grpc_case, grpc_case.fresh(FLIPPED)
    text = field(3, field(1, "text") + field(2, field(4, "77")))
    good, other = OLD.vector("77"), NEW.vector("77")
    named = lambda content: field(2, field(1, field(1, case.field) + field(2, content)))
    chunks = field(1, wire.floats(good[:3])) + wire.unpacked(1, good[3:5]) + field(1, wire.floats(good[5:]))
    short = field(1, wire.floats(good[:3])) + field(1, wire.floats(good[3:7]))
    with case.unchanged(name):
        for content in (field(101, short), short, field(1, wire.floats(good)) * 2):
            case.refused(case.grpc(UPSERT, upsert(name, wire.point(77, named(content), text))), BROKEN | {"wrong_dimension"})
    for content in (field(101, chunks), chunks, field(1, wire.floats(good))):
        case.allowed(case.grpc(UPSERT, upsert(name, wire.point(77, named(content), text))))
        _, vectors = case.arena.stored(name)[77]
        assert OLD.made(vectors[case.field], "77") and NEW.made(vectors[case.standby(NEW)], "77")
    for content in (field(1, wire.floats(other)) + vector(good), vector(good) + field(1, wire.floats(other))):
        answer = case.grpc(UPSERT, upsert(name, wire.point(77, named(content), text)))
        if answer.ok:
            assert OLD.made(case.arena.stored(name)[77][1][case.field], "77")
        else:
            case.refused(answer, BROKEN)
    search = lambda data: field(1, name) + data + number(4, 5) + (field(10, case.field) if case.field else b"")
    query = OLD.vector("text 1")
    pieces = field(2, wire.floats(query[:3])) + wire.unpacked(2, query[3:6]) + field(2, wire.floats(query[6:]))
    case.ranked_by(case.grpc(SEARCH, search(pieces)), OLD, "text 1")
    case.refused(case.grpc(SEARCH, search(pieces + wire.unpacked(2, [0.5]))), "wrong_dimension")
    case.refused(case.grpc(SEARCH, search(field(2, wire.floats(query[:7])))), "wrong_dimension")


def test_case_70_keys_and_lengths_in_more_bytes_than_they_need(grpc_case):
    """Qdrant reads them, so a comparison of bytes would overlook the field: read as what they are, or refused."""
    case, name = grpc_case, grpc_case.collection(FLIPPED)
    query = nearest(NEW.vector("text 1"))
    for width in (2, 3, 5):
        long_using = wire.key(4, wire.BYTES, width) + wire.varint(len(case.at(NEW)), width) + case.at(NEW).encode()
        for message in (
            field(1, name, width) + field(3, query) + long_using + number(8, 5, width),
            field(1, name) + long_using + field(3, query, width) + number(8, 5),
        ):
            answer = case.grpc(QUERY, message)
            case.ranked_by(answer, NEW, "text 1", 5) if answer.ok else case.refused(answer, BROKEN)
            answer = case.grpc(QUERY, message.replace(name.encode(), case.collection(FILLING).encode()))
            # The names may be of different lengths; then the message is not valid, which is refused as well.
            case.refused(answer, BROKEN | {"space_not_ready"}, 409 if answer.reason == "space_not_ready" else 400)


@pytest.mark.parametrize(
    "extra",
    {
        "field 0": b"\x02\x01x", "wire type 6": b"\x7e\x01", "wire type 7": b"\x7f\x01",
        "a group that does not end": wire.key(60, wire.GROUP), "a group's end alone": wire.key(60, wire.END_GROUP),
        "using as a number": number(4, 1), "the collection as a number": number(1, 1), "a varint without an end": b"\x48" + b"\xff" * 10,
        "a length beyond the end": wire.key(4, wire.BYTES) + b"\x7f" + b"ab", "half a key": b"\x80",
        "a length beyond 64 bits": wire.key(4, wire.BYTES) + b"\xff" * 9 + b"\x7f",
    }.items(),
    ids=lambda item: item[0],
)
def test_case_70_what_no_parser_takes(grpc_case, extra):
    case = grpc_case
    for state in (PLAIN, FLIPPED):
        case.refused(case.grpc(QUERY, plain_query(case, case.collection(state)) + extra[1]), BROKEN)


@pytest.mark.parametrize("place", ["query", "prefetch", "filter", "point", "vector"])
@pytest.mark.parametrize("wire_type", ["varint", "bytes", "fixed32", "fixed64", "group"])
def test_case_71_unknown_fields_on_the_routing_path(grpc_case, place, wire_type):
    """This version cannot know what a newer server does with them. A group is skipped by every parser: unknown too."""
    case, name = grpc_case, grpc_case.collection(FLIPPED)
    unknown = {
        "varint": number(99, 7), "bytes": field(99, case.standby(NEW)), "fixed32": wire.key(99, wire.FIXED32) + b"\0" * 4,
        "fixed64": wire.key(99, wire.FIXED64) + b"\0" * 8,
        "group": wire.key(99, wire.GROUP) + field(1, "x") + wire.key(99, wire.END_GROUP),
    }[wire_type]
    entry = field(1, field(1, case.field) + field(2, vector(OLD.vector("77")) + (unknown if place == "vector" else b"")))
    text = field(3, field(1, "text") + field(2, field(4, "77")))
    rpc, message = {
        "query": (QUERY, plain_query(case, name, unknown)),
        "prefetch": (QUERY, plain_query(case, name, prefetch(nearest(OLD.vector("text 1")), case.field, unknown))),
        "filter": (QUERY, plain_query(case, name, field(5, field(2, field(1, field(1, "n")) + unknown)))),
        "point": (UPSERT, upsert(name, wire.point(77, field(2, entry), text + unknown))),
        "vector": (UPSERT, upsert(name, wire.point(77, field(2, entry), text))),
    }[place]
    case.refused(case.grpc(rpc, message), BROKEN)


def test_case_72_strings_that_are_not_utf8(grpc_case):
    case, name = grpc_case, grpc_case.collection(FLIPPED)
    for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", case.field.encode() + b"\x80", b"\xf5\x80\x80\x80"):
        case.refused(case.grpc(QUERY, plain_query(case, name, field(10, field(2, field(1, bad))))), BROKEN)
        case.refused(case.grpc(QUERY, field(1, name) + field(3, nearest(OLD.vector("text 1"))) + field(4, bad)), BROKEN)
        has_vector = field(5, field(2, field(7, field(1, bad))))
        case.refused(case.grpc(QUERY, plain_query(case, name, has_vector)), BROKEN)
        key = field(5, field(2, field(1, field(1, bad))))
        case.refused(case.grpc(QUERY, plain_query(case, name, key)), BROKEN)
        entry = field(2, field(1, field(1, bad) + field(2, vector(OLD.vector("77")))))
        case.refused(case.grpc(UPSERT, upsert(name, wire.point(77, entry))), BROKEN)
        case.refused(case.grpc(QUERY, field(1, bad) + field(3, nearest(OLD.vector("text 1")))), BROKEN)


def test_case_101_what_interlock_cannot_decode_is_the_clients_fault(grpc_case):
    """Code 13 would be retried by a client: 3 it is, whatever is broken, and the connection lives on."""
    case, name = grpc_case, grpc_case.collection(PLAIN)
    good = plain_query(case, name)
    for rpc in (QUERY, UPSERT, "qdrant.Points/Scroll", "qdrant.Points/UpdateBatch", "qdrant.Points/Recommend"):
        for broken in (good[:-3], good + b"\x07", good + field(4, b"\xff"), good + b"\xff\xff\xff"):
            answer = case.grpc(rpc, broken)
            assert answer.status == 3, (rpc, broken[-8:], answer.said)
            case.nothing_forwarded(answer)
        # Without a name that can be read it is about no managed collection, and the server's own word counts.
        for broken in (b"\xff\xff\xff", b"\x0a\xff\x01x", b"\x0a\x02\xff\xff"):
            answer = case.grpc(rpc, broken)
            assert not answer.ok and not answer.hits, (rpc, answer.said)
    case.ranked_by(case.grpc(QUERY, good), OLD, "text 1", 5)
