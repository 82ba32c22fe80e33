"""Recall while the model changes: a naive reindex falls off a cliff, Interlock's clients do not notice.

Real vectors of a labelled collection, replayed by text. Everything is exact search, so every figure repeats.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import models

from harness.clients import official
from harness.cranfield import DIMENSIONS, K, Cranfield
from harness.embedder import Embedder

STEPS = [0, 10, 25, 50, 75, 90, 100]
PAIRS = [("minilm-cls", "minilm-l6"), ("lsa-256", "minilm-l6")]
# A twentieth of the 1,400 documents: a page of the backfill and a call of the embedder each, so that the embedder's
# gate can hold the backfill at each step exactly.
PAGE = 70
BATCH = 45
THIRD_DECIMAL = 0.0005
FIGURES = Path(__file__).parents[1] / ".cache" / "drift.json"
EXACT = models.SearchParams(exact=True)


@pytest.fixture(scope="module")
def cranfield():
    """The collection, read once."""
    return Cranfield()


def create(client, name, model):
    """A collection with one unnamed vector."""
    vectors = models.VectorParams(size=DIMENSIONS[model], distance=models.Distance.COSINE)
    client.create_collection(name, vectors_config=vectors)


def fill(client, name, cranfield, model, rows):
    """Writes the documents of `rows` with the model's vectors."""
    for start in range(0, len(rows), 350):
        points = [
            models.PointStruct(
                id=int(cranfield.docs[row]["id"]),
                vector=cranfield.doc_vectors[model][row].tolist(),
                payload={"text": cranfield.docs[row]["text"]},
            )
            for row in rows[start : start + 350]
        ]
        client.upsert(name, points, wait=True)


def ask(client, name, queries, using=None):
    """The ids that each query finds, in batches."""
    answers = []
    for start in range(0, len(queries), BATCH):
        requests = [
            models.QueryRequest(query=query, limit=K, params=EXACT, using=using)
            for query in queries[start : start + BATCH]
        ]
        for answer in client.query_batch_points(name, requests):
            answers.append([point.id for point in answer.points])
    return answers


def raw(cranfield, model):
    """The queries as vectors."""
    return [vector.tolist() for vector in cranfield.query_vectors[model]]


def texts(cranfield, model="auto"):
    """The queries as texts to embed."""
    return [models.Document(text=query["text"], model=model) for query in cranfield.queries]


def keep_figures(pair, engine, kind, figures):
    """Adds to the table that this run leaves behind, and prints it."""
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    table = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    figures = {series: {str(step): value for step, value in values.items()} for series, values in figures.items()}
    table[f"{pair[0]} -> {pair[1]}, {engine}, {kind}"] = figures
    FIGURES.write_text(json.dumps(table, indent=1, sort_keys=True))
    print(f"\nRecall@10, {pair[0]} -> {pair[1]}, {engine}, {kind}")
    for series, values in figures.items():
        print(f"  {series:44}", "  ".join(f"{step}: {value:.3f}" for step, value in values.items()))


def own_recalls(world, cranfield, pair):
    """Recall of each model on a collection of its own, asked directly."""
    recalls = {}
    client = official(world.direct)
    for model in pair:
        name = world.name(f"own-{model}")
        create(client, name, model)
        fill(client, name, cranfield, model, range(len(cranfield.docs)))
        recalls[model] = cranfield.recall(ask(client, name, raw(cranfield, model)))
        client.delete_collection(name)
    client.close()
    return recalls


def naive_steps(world, cranfield, pair):
    """Recall at each step of a reindex without Interlock, in the random order of a queue."""
    old, new = pair
    is_same_dimension = DIMENSIONS[old] == DIMENSIONS[new]
    order = np.random.Generator(np.random.PCG64(7)).permutation(len(cranfield.docs)).tolist()
    client, name = official(world.direct), world.name("naive")
    # Vectors of the same dimension are replaced in place; others fill a new collection that the app asks already.
    create(client, name, old if is_same_dimension else new)
    if is_same_dimension:
        fill(client, name, cranfield, old, order)
    series = {new: {}, old: {}} if is_same_dimension else {new: {}}
    done = 0
    for step in STEPS:
        upto = len(order) * step // 100
        fill(client, name, cranfield, new, order[done:upto])
        done = upto
        for model, values in series.items():
            values[step] = cranfield.recall(ask(client, name, raw(cranfield, model)))
    client.close()
    return series


@pytest.mark.parametrize("pair", PAIRS, ids="->".join)
def test_a_naive_reindex_falls_off_a_cliff(world, cranfield, pair):
    """Whichever model the queries are switched to, and whenever, recall is lost on the way."""
    old, new = pair
    own = own_recalls(world, cranfield, pair)
    series = naive_steps(world, cranfield, pair)
    keep_figures(pair, world.engine, "naive", {f"queries of {model}": values for model, values in series.items()})
    worst_own = min(own.values())
    assert series[new][100] == pytest.approx(own[new], abs=THIRD_DECIMAL)
    assert series[new][50] < worst_own - 0.05, "half of the documents cannot be found by the new model's queries"
    assert series[new][10] < worst_own / 2, "nearly nothing can be found by them at the start"
    if old in series:
        assert series[old][0] == pytest.approx(own[old], abs=THIRD_DECIMAL)
        assert series[old][50] < worst_own - 0.05, "nor by the old model's"


class Clients:
    """The app's clients through Interlock: text and raw queries, both protocols."""

    def __init__(self, address, name, cranfield, pair):
        self.name, self.cranfield, self.pair = name, cranfield, pair
        self.connections = {"REST": official(address), "gRPC": official(address, grpc=True)}

    def recalls(self, is_flipped):
        """Recall of each kind of client, and the model that it must equal."""
        old, new = self.pair
        kinds = [("text, auto", texts(self.cranfield), None, new if is_flipped else old)]
        kinds.append(("raw, undeclared", raw(self.cranfield, old), None, old))
        kinds.append(("raw, declared old", raw(self.cranfield, old), f"@{old}@1", old))
        if is_flipped:
            kinds.append(("raw, declared new", raw(self.cranfield, new), f"@{new}@1", new))
            kinds.append(("text, declared new", texts(self.cranfield, f"{new}@1"), None, new))
        for protocol, client in self.connections.items():
            for kind, queries, using, expected in kinds:
                found = self.cranfield.recall(ask(client, self.name, queries, using))
                yield f"{protocol}, {kind}", found, expected

    def close(self):
        """Hangs up."""
        for client in self.connections.values():
            client.close()


CONFIG = {"migrate": {"page_points": PAGE}}


@pytest.mark.parametrize("pair", PAIRS, ids="->".join)
def test_through_interlock_recall_is_the_serving_models_own_at_every_step(world, cranfield, pair):
    """Equal to the old model's before the flip, to the new one's after it, to the third decimal."""
    old, new = pair
    own = own_recalls(world, cranfield, pair)
    total, field = len(cranfield.docs), world.name("drift")
    interlock = world.interlock(config=CONFIG)
    with Embedder({model: cranfield.replay(model) for model in pair}) as embedder, interlock:
        filler = official(interlock.address)
        create(filler, field, old)
        fill(filler, field, cranfield, old, range(total))
        filler.close()
        for model in pair:
            interlock.cli(*embedder.model_flags(model, DIMENSIONS[model], batch_max=PAGE, timeout_ms=120_000))
        interlock.cli("adopt", field, "--model", old, "--source", "{text}")
        gate = embedder.faults[new].gate
        gate.hold()
        interlock.cli("migrate", "start", field, "--to", new, "--detach")
        clients, figures = Clients(interlock.address, field, cranfield, pair), {}
        figures["own"] = {old: own[old], new: own[new]}
        stray = []
        for step in [*STEPS, "flipped"]:
            if step == "flipped":
                interlock.cli("migrate", "cutover", field, "--to", new)
            else:
                gate.allow(total * step // 100)
                interlock.await_migration(
                    field, lambda state: state["done"] == total * step // 100, f"{step} % of {total} are filled"
                )
            gate_is_open = step == "flipped" or step == 100
            if gate_is_open:
                gate.open()
            for kind, found, expected in clients.recalls(step == "flipped"):
                figures.setdefault(kind, {})[step] = found
                if abs(found - own[expected]) >= THIRD_DECIMAL:
                    stray.append(f"{step}: {kind}: {found:.4f} is not {expected}'s {own[expected]:.4f}")
        clients.close()
        keep_figures(pair, world.engine, "through Interlock", figures)
        assert not stray, "\n".join(stray)
