"""The labelled collection with the vectors of three real models. It stays outside the repository; nothing is copied."""

import json
import os
from collections import defaultdict
from pathlib import Path

import numpy as np

from harness.process import ROOT

DIMENSIONS = {"minilm-l6": 384, "minilm-cls": 384, "lsa-256": 256}
K = 10


def folder():
    """Where it is: INTERLOCK_TEST_DATA, or beside the repository."""
    given = os.environ.get("INTERLOCK_TEST_DATA")
    found = Path(given) if given else ROOT.parent / "shared" / "data" / "cranfield"
    assert (found / "docs.jsonl").exists(), (
        f"the Cranfield collection is not in {found}: this suite measures on it and has no substitute. "
        "Set INTERLOCK_TEST_DATA to the folder that holds docs.jsonl"
    )
    return found


class Cranfield:
    """Documents, queries, judgements, and each model's vectors of both, row by row."""

    def __init__(self):
        base = folder()
        read = lambda name: [json.loads(line) for line in (base / name).read_text().splitlines()]
        self.docs = read("docs.jsonl")
        self.queries = read("queries.jsonl")
        self.doc_vectors = {model: np.load(base / f"docs.{model}.npy") for model in DIMENSIONS}
        self.query_vectors = {model: np.load(base / f"queries.{model}.npy") for model in DIMENSIONS}
        self.relevant = defaultdict(set)
        for line in (base / "qrels.tsv").read_text().splitlines():
            query, document, grade = line.split("\t")
            if int(grade) > 0:
                self.relevant[query].add(int(document))

    def ids(self):
        """The points' ids, in the order of the rows."""
        return [int(document["id"]) for document in self.docs]

    def replay(self, model):
        """A function from a text, a document's or a query's, to the model's vector of it."""
        rows = {}
        for items, vectors in ((self.docs, self.doc_vectors), (self.queries, self.query_vectors)):
            for item, vector in zip(items, vectors[model]):
                rows.setdefault(item["text"], [float(component) for component in vector])
        return rows.get

    def recall(self, answers):
        """Mean Recall@10 (hits / min(relevant, 10)) of the answered ids, one list a query, over all queries."""
        assert len(answers) == len(self.queries)
        shares = []
        for query, found in zip(self.queries, answers):
            relevant = self.relevant[query["id"]]
            shares.append(len(relevant & set(found[:K])) / min(len(relevant), K))
        return float(np.mean(shares))
