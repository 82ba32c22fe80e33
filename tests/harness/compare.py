"""Answers as plain data, and whether two runs gave the same ones."""

import math

# `version` counts a shard's operations, of which a tagged write may need two.
IGNORED = {"time", "operation_id", "usage", "version", "segments_count", "indexed_vectors_count", "optimizer_status", "update_queue"}
COLOURS = {"green", "yellow", "grey"}
SCORE_TOLERANCE = 1e-5
REASON = "interlock-reason"


def plain(answer):
    """An answer as dicts, lists and scalars, without what differs from run to run."""
    if hasattr(answer, "model_dump"):
        answer = answer.model_dump(mode="json")
    if isinstance(answer, dict):
        kept = {key: value for key, value in answer.items() if key not in IGNORED and value is not None}
        return {key: plain(value) for key, value in kept.items() if not (key == "status" and value in COLOURS)}
    if isinstance(answer, (list, tuple)):
        items = [plain(item) for item in answer]
        return sorted(items, key=_rank) if items and all(_is_scored(item) for item in items) else items
    return answer


def _is_scored(item):
    return isinstance(item, dict) and "id" in item and ("score" in item or bool(item.get("hits")))


def _rank(item):
    """Best first, a group by its best hit; Qdrant gives equal scores in any order, so here the id decides."""
    best = item if "score" in item else item["hits"][0]
    return -round(best["score"], 5), str(item["id"])


def differences(expected, found, where="answer"):
    """Where two answers differ, in words; empty where they are the same."""
    if isinstance(expected, float) and isinstance(found, (int, float)) or isinstance(found, float):
        if isinstance(expected, (int, float)) and math.isclose(expected, found, rel_tol=0, abs_tol=SCORE_TOLERANCE):
            return []
        return [f"{where}: {expected!r} became {found!r}"]
    if isinstance(expected, dict) and isinstance(found, dict):
        said = [f"{where}.{key} is missing" for key in expected.keys() - found.keys()]
        said += [f"{where}.{key} came in: {found[key]!r}" for key in found.keys() - expected.keys()]
        for key in sorted(expected.keys() & found.keys(), key=str):
            said += differences(expected[key], found[key], f"{where}.{key}")
        return said
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return [f"{where}: {len(expected)} items became {len(found)}: {expected!r} / {found!r}"]
        pairs = enumerate(zip(expected, found))
        return [said for index, (a, b) in pairs for said in differences(a, b, f"{where}[{index}]")]
    return [] if expected == found else [f"{where}: {expected!r} became {found!r}"]


class Transcript:
    """The answers of a scenario's steps on the collection `name`, in order, errors included.

    `left_out` are steps that the other run will have refused: they are not called here, so that what follows sees the
    same collection in both runs.
    """

    def __init__(self, name, left_out=()):
        self.name = name
        self.steps = []
        self.left_out = left_out

    def note(self, label, call):
        """Makes a call and keeps its answer, or what it was refused with."""
        assert label not in dict(self.steps), f"two steps are called {label!r}"
        try:
            answer = None if label in self.left_out else plain(call())
        except Exception as refused:  # every refusal is an answer here, and compared as one
            answer = {"refused": _kind(refused), REASON: _reason(refused)}
        self.steps.append((label, _renamed(answer, self.name)))

    def refused(self):
        """Each refused step with what was said of it."""
        return {label: answer for label, answer in self.steps if isinstance(answer, dict) and "refused" in answer}

    def against(self, other, refusals=None, reworded=()):
        """The differences from `other`, step by step.

        `refusals`: steps that `other` must have refused, and Interlock's reasons. `reworded`: steps that both must have
        refused, with one status.
        """
        assert [label for label, _ in self.steps] == [label for label, _ in other.steps]
        said = []
        for (label, mine), (_, theirs) in zip(self.steps, other.steps):
            reason = theirs.pop(REASON, None) if isinstance(theirs, dict) else None
            if isinstance(mine, dict):
                mine.pop(REASON, None)
            if label in reworded:
                mine, theirs = mine["refused"][0], theirs.get("refused", theirs)[0]
            if label not in (refusals or {}):
                said += differences(mine, theirs, label)
            elif reason != refusals[label]:
                said.append(f"{label}: was to be refused with {refusals[label]!r}, not {reason!r}: {theirs!r}")
        return said


def _renamed(answer, name):
    """An answer without the name of the collection, which each run has its own of."""
    if isinstance(answer, dict):
        return {key: _renamed(value, name) for key, value in answer.items()}
    if isinstance(answer, list):
        return [_renamed(item, name) for item in answer]
    return answer.replace(name, "<name>") if isinstance(answer, str) else answer


def _kind(refused):
    """A status and a message: gRPC's or REST's."""
    if hasattr(refused, "code") and callable(refused.code):
        return [str(refused.code()), refused.details()]
    if hasattr(refused, "status_code"):
        return [refused.status_code, refused.content.decode(errors="replace").split('"time"')[0]]
    return [type(refused).__name__, str(refused)]


def _reason(refused):
    """Interlock's reason, or None where it was Qdrant that refused."""
    if hasattr(refused, "trailing_metadata"):
        metadata = [*(refused.initial_metadata() or ()), *(refused.trailing_metadata() or ())]
        return dict(metadata).get(REASON)
    headers = getattr(refused, "headers", None)
    return headers.get(REASON) if headers is not None else None
