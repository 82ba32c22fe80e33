"""Payload operations, by points and by filter."""

from qdrant_client import models

from clients.calls.data import UUID, match


def everything(run):
    """Set, overwrite, delete and clear."""
    client, name, say = run.client, run.name, run.say
    say("set payload", lambda: client.set_payload(name, {"seen": "Spree"}, points=[1, 2], wait=True))
    say("set payload at a key", lambda: client.set_payload(name, {"deep": {"er": 1}}, points=[3], key="nested", wait=True))
    say("set payload in a list", lambda: client.set_payload(name, {"n": 9}, points=[4], key="districts[0]", wait=True))
    say("set payload by filter", lambda: client.set_payload(name, {"big": True}, points=match("city", "Moscow"), wait=True))
    say("set payload of null", lambda: client.set_payload(name, {"rank": None, "kept": None}, points=[5], wait=True))
    run.look("after set")
    say("overwrite payload", lambda: client.overwrite_payload(name, {"city": "Delhi", "text": "a city on the Yamuna"}, points=[6], wait=True))
    say("overwrite payload by filter", lambda: client.overwrite_payload(name, {"city": "Ulm", "text": "a city on the Danube"}, points=match("city", "none"), wait=True))
    run.look("after overwrite")
    say("delete payload", lambda: client.delete_payload(name, keys=["seen", "nested.deep", "river.km[0]"], points=[1, 2, 3], wait=True))
    say("delete payload by filter", lambda: client.delete_payload(name, keys=["people"], points=match("city", "Delhi"), wait=True))
    run.look("after delete of keys")
    say("clear payload", lambda: client.clear_payload(name, points_selector=[5], wait=True))
    say("clear payload by filter", lambda: client.clear_payload(name, points_selector=match("city", "Ulm"), wait=True))
    run.look("after clear")
    say("set payload of nobody", lambda: client.set_payload(name, {"a": 1}, points=[4711], wait=True))
    back = [models.SetPayloadOperation(set_payload=models.SetPayload(payload={"text": "back", "city": "none"}, points=[5, UUID]))]
    say("give some payload back", lambda: client.batch_update_points(name, back, wait=True))
