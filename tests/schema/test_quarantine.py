"""What was restored is quarantined from before its first byte, until an audit has seen every point."""

import httpx
import pytest

from harness.process import CliError

RECOVER = {"location": "http://127.0.0.1:9/nothing.snapshot"}


def restore(stage, name):
    """A restore that Qdrant itself refuses: who can know how far it came?"""
    answer = stage.rest("PUT", f"/collections/{name}/snapshots/recover", RECOVER)
    assert answer.headers.get("interlock-reason") not in ("closed_call", "guarded_call"), answer.text
    stage.refuses(stage.count(name), 409, "quarantined")
    assert stage.quarantine(name)["cause"] == "restored"


def reasons(error):
    """What an audit found, by kind."""
    return {reason["reason"] for reason in error.value.document["error"]["reasons"]}


def test_points_that_are_tagged_pass_the_audit(stage):
    name = stage.managed("tagged", migrating=True)
    restore(stage, name)
    metrics = httpx.get(f"{stage.interlock.admin}/metrics", timeout=30).text
    assert any(line.startswith("interlock_quarantined_collections ") for line in metrics.splitlines())
    report = stage.interlock.cli("audit", name)
    assert (report["points"], report["findings"], report["lifted"]) == (3, [], True)
    assert stage.count(name).json()["result"]["count"] == 3
    assert stage.quarantine(name) is None


def test_the_quarantine_survives_a_restart_and_untagged_points_do_not_pass(stage):
    name = stage.managed("untagged")
    restore(stage, name)
    stage.interlock.kill()
    stage.interlock.start()
    stage.refuses(stage.count(name), 409, "quarantined")
    with pytest.raises(CliError) as error:
        stage.interlock.cli("audit", name)
    assert error.value.code == 3 and reasons(error) == {"untagged"}, error.value.document
    assert stage.interlock.cli("audit", name, "--trust-untagged")["lifted"]
    assert stage.count(name).status_code == 200


def test_what_no_tag_proves_is_taken_out_when_told(stage):
    name = stage.managed("foreign", migrating=True)
    tag = {"": {"write_id": "w", "models": {"": "other@1#x"}}}
    points = [{"id": 2, "vector": {"": [0.5] * 6}, "payload": {"text": "two", "_embedding": tag}}]
    answer = stage.rest("PUT", f"/collections/{name}/points?wait=true", {"points": points}, direct=True)
    assert answer.status_code == 200, answer.text
    restore(stage, name)
    with pytest.raises(CliError) as error:
        stage.interlock.cli("audit", name)
    assert "foreign_claim" in reasons(error)
    report = stage.interlock.cli("audit", name, "--drop-unproven")
    assert report["lifted"] and report["mended"] == 1, report
    held = stage.rest("POST", f"/collections/{name}/points", {"ids": [2], "with_vector": True, "with_payload": True}, direct=True)
    (point,) = held.json()["result"]
    assert point["vector"] == {} and point["payload"]["_embedding"][""]["models"] == {}, point


def test_an_audit_of_an_open_collection_only_looks(stage):
    name = stage.managed("looked", migrating=True)
    assert not stage.interlock.cli("audit", name)["lifted"]
    with pytest.raises(CliError):
        stage.interlock.cli("audit", name, "--drop-unproven")
