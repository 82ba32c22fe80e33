"""Overwritten and cleared payloads: by ids, by filter, in a batch, every point keeps its own tag."""

import pytest

from adversarial.ledger import Ledger, point
from adversarial.world import FILLING, FLIPPED, OLD, PLAIN, payload_of

STATES = [PLAIN, FILLING, FLIPPED]
HIGH = {"must": [{"key": "n", "range": {"gte": 7}}]}
SELECTORS = {"ids": ({"points": [7, 8, 9, 10, 11, 12]}, range(7, 13)), "a filter": ({"filter": HIGH}, range(7, 13))}


def tagged(case, state):
    """A ledger in which every point has a tag of its own, as after a write."""
    ledger = Ledger(case, state)
    texts = {id: payload["text"] for id, payload in ((id, payload_of(id)) for id in ledger.points)}
    points = [point(id, case.named(OLD.vector(text)), payload_of(id)) for id, text in texts.items()]
    ledger.done("upsert", {"points": points})
    for id, text in texts.items():
        ledger.put(id, payload_of(id), text)
    return ledger


def check(ledger, before):
    """All is as expected, and each point still has the tag that it had, to the letter."""
    ledger.holds()
    assert ledger.tags() == before


@pytest.mark.parametrize("selector, ids", SELECTORS.values(), ids=SELECTORS.keys())
@pytest.mark.parametrize("state", STATES)
def test_case_35_an_overwritten_payload_keeps_every_points_own_tag(case, state, selector, ids):
    ledger = tagged(case, state)
    before = ledger.tags()
    ledger.done("overwrite_payload", {"payload": {"a": 1, "n": 70}, **selector})
    for id in ids:
        ledger.points[id].payload = {"a": 1, "n": 70}
    check(ledger, before)


@pytest.mark.parametrize("selector, ids", SELECTORS.values(), ids=SELECTORS.keys())
@pytest.mark.parametrize("state", STATES)
def test_case_35_a_cleared_payload_keeps_every_points_own_tag(case, state, selector, ids):
    ledger = tagged(case, state)
    before = ledger.tags()
    ledger.done("clear_payload", selector)
    for id in ids:
        ledger.points[id].payload = {}
    check(ledger, before)
    ledger.done("clear_payload", selector)
    for id in SELECTORS["ids"][1] if "points" in selector else ():
        ledger.points[id].payload = {}
    check(ledger, before)


def test_case_35_the_path_of_an_overwrite_is_no_way_to_the_tag(case):
    """Qdrant ignores `key` in an overwrite: what stands there must neither reach the tag nor be obeyed."""
    ledger = tagged(case, FILLING)
    before = ledger.tags()
    answer = ledger.ask("overwrite_payload", {"payload": {"a": 1}, "key": "_embedding", "points": [1]})
    if answer.ok:
        ledger.points[1].payload = {"a": 1}
    else:
        case.refused(answer, "tag_tampering", 403)
    check(ledger, before)


def test_case_35_an_overwrite_that_matches_nothing(case):
    ledger = tagged(case, PLAIN)
    before = ledger.tags()
    nobody = {"must": [{"key": "n", "match": {"value": 4_000}}]}
    ledger.done("overwrite_payload", {"payload": {"a": 1}, "filter": nobody})
    ledger.done("clear_payload", {"filter": nobody})
    check(ledger, before)


def test_case_35_an_overwrite_by_a_filter_on_the_tag(case):
    collection = case.collection(FILLING)
    on_tag = {"must": [{"key": '"_embedding"."text".write_id', "match": {"value": "x"}}]}
    with case.unchanged(collection):
        case.refused(case.ask(collection, "overwrite_payload", {"payload": {"a": 1}, "filter": on_tag}), "reserved_key")
        case.refused(case.ask(collection, "clear_payload", {"filter": on_tag}), "reserved_key")


def test_case_35_keys_that_need_quotes_are_cleared_too(case):
    ledger = tagged(case, PLAIN)
    strange = {"a.b": 1, "c[0]": 2, "ü ö": 3, "": 4, "plain": {"_embedding": 5}}
    ledger.done("set_payload", {"payload": strange, "points": [1]})
    before = ledger.tags()
    ledger.done("overwrite_payload", {"payload": {"a.b": 7}, "points": [1]})
    ledger.points[1].payload = {"a.b": 7}
    check(ledger, before)
    ledger.done("clear_payload", {"points": [1]})
    ledger.points[1].payload = {}
    check(ledger, before)


def test_case_35_an_overwrite_of_a_missing_point(case):
    ledger = tagged(case, PLAIN)
    before = ledger.tags()
    answer = ledger.ask("overwrite_payload", {"payload": {"a": 1}, "points": [9_999]})
    assert answer.is_status(404) and "9999" in answer.message, answer.said
    check(ledger, before)
