"""Reads without a ranking: retrieve, scroll, count and facet, with filters of every kind."""

import datetime

from qdrant_client import models

from clients.calls.data import UUID, field, match


def retrieve(run):
    """By id."""
    client, name, say = run.client, run.name, run.say
    say("retrieve", lambda: client.retrieve(name, [1, UUID, 99], with_vectors=True))
    say("retrieve plainly", lambda: client.retrieve(name, [3, 1]))
    say("retrieve without payload", lambda: client.retrieve(name, [2], with_payload=False))
    say("retrieve chosen payload", lambda: client.retrieve(name, [2], with_payload=["river.name"]))
    say("retrieve its own vector", lambda: client.retrieve(name, [1, 2], with_vectors=[run.vector]))
    say("retrieve words", lambda: client.retrieve(name, [1, 2], with_vectors=["words"]))
    say("retrieve nobody", lambda: client.retrieve(name, [4711]))


def scroll(run):
    """Page by page, and in an order."""
    client, name, say = run.client, run.name, run.say
    say("scroll", lambda: client.scroll(name, limit=3, with_vectors=True))
    say("scroll on", lambda: client.scroll(name, limit=3, offset=4, with_payload=["city"]))
    say("scroll without payload", lambda: client.scroll(name, with_payload=False))
    say("scroll one vector", lambda: client.scroll(name, with_payload=False, with_vectors=[run.vector]))
    say("scroll filtered", lambda: client.scroll(name, scroll_filter=match("city", "Berlin")))
    say("scroll ordered", lambda: client.scroll(name, order_by="people", limit=4))
    start = models.OrderBy(key="people", direction=models.Direction.DESC, start_from=10.0)
    say("scroll ordered from", lambda: client.scroll(name, order_by=start, with_payload=models.PayloadSelectorExclude(exclude=["text"])))
    say("scroll ordered by an unindexed key", lambda: client.scroll(name, order_by="unindexed"))


def counts(run):
    """Count and facet."""
    client, name, say = run.client, run.name, run.say
    say("count", lambda: client.count(name, exact=True))
    say("count about", lambda: client.count(name, exact=False))
    say("count filtered", lambda: client.count(name, count_filter=match("city", "Berlin"), exact=True))
    say("facet", lambda: client.facet(name, "city", exact=True))
    say("facet filtered", lambda: client.facet(name, "city", facet_filter=match("capital", True), limit=2, exact=True))
    say("facet of an unindexed key", lambda: client.facet(name, "unindexed"))


def filters(run):
    """One page for each kind of condition."""
    berlin = models.GeoPoint(lat=52.5, lon=13.4)
    box = models.GeoBoundingBox(top_left=models.GeoPoint(lat=60, lon=-10), bottom_right=models.GeoPoint(lat=50, lon=20))
    ring = models.GeoLineString(points=[models.GeoPoint(lat=a, lon=o) for a, o in ((50, -5), (50, 20), (60, 20), (60, -5), (50, -5))])
    nested = models.Filter(must=[field("name", match=models.MatchValue(value="Bronx")), field("n", range=models.Range(lt=10))])
    conditions = {
        "match": field("city", match=models.MatchValue(value="London")),
        "match a number": field("rank", match=models.MatchValue(value=3)),
        "match a bool": field("capital", match=models.MatchValue(value=False)),
        "match any": field("city", match=models.MatchAny(any=["London", "Moscow"])),
        "match except": field("city", match=models.MatchExcept(**{"except": ["London", "Moscow"]})),
        "match text": field("text", match=models.MatchText(text="city river Spree")),
        "match words": field("text", match=models.MatchText(text="Thames")),
        "match a phrase": field("text", match=models.MatchPhrase(phrase="on the Thames")),
        "match any text": field("text", match=models.MatchTextAny(text_any="Spree Hudson")),
        "match in depth": field("river.name", match=models.MatchValue(value="Spree")),
        "match in a list": field("districts[].name", match=models.MatchValue(value="Queens")),
        "match a quoted key": field('"city"', match=models.MatchValue(value="Berlin")),
        "range": field("people", range=models.Range(gte=8.5, lt=13)),
        "dates": field("founded", range=models.DatetimeRange(gte=datetime.datetime(1100, 1, 1, tzinfo=datetime.timezone.utc))),
        "box": field("at", geo_bounding_box=box),
        "radius": field("at", geo_radius=models.GeoRadius(center=berlin, radius=1_000_000)),
        "polygon": field("at", geo_polygon=models.GeoPolygon(exterior=ring)),
        "count of values": field("tags", values_count=models.ValuesCount(gte=1)),
        "is empty": models.IsEmptyCondition(is_empty=models.PayloadField(key="tags")),
        "is null": models.IsNullCondition(is_null=models.PayloadField(key="mayor")),
        "has id": models.HasIdCondition(has_id=[1, 3, UUID, 4711]),
        "has vector": models.HasVectorCondition(has_vector=run.vector),
        "has words": models.HasVectorCondition(has_vector="words"),
        "has an unknown vector": models.HasVectorCondition(has_vector="unknown"),
        "nested": models.NestedCondition(nested=models.Nested(key="districts", filter=nested)),
        "filter in a filter": models.Filter(should=match("city", "London").must, must_not=match("rank", 3).must),
    }
    for label, condition in conditions.items():
        page = models.Filter(must=[condition])
        run.say(f"filter: {label}", lambda: run.client.scroll(run.name, scroll_filter=page, with_payload=["city"]))
    both = [conditions["match"], conditions["range"], conditions["has vector"]]
    least = models.Filter(min_should=models.MinShould(conditions=both, min_count=2), must_not=[conditions["has id"]])
    run.say("filter: min should", lambda: run.client.scroll(run.name, scroll_filter=least))
    all_at_once = models.Filter(should=both, must=[conditions["has vector"]], must_not=[conditions["is empty"]])
    run.say("filter: all of them in a query", lambda: run.client.query_points(run.name, query=[0.5] * 4, query_filter=all_at_once, **run.using).points)
    run.say("filter: count of has vector", lambda: run.client.count(run.name, count_filter=models.Filter(must_not=[conditions["has vector"]])))
