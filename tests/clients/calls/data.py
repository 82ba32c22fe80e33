"""The points of the scenario, and its vectors by name."""

from qdrant_client import models

DIMENSION = 4
UUID = "5c56c793-69f3-4fbf-87e6-c4bf54c28c26"
OTHER_UUID = "0b5e5f3e-9d7c-4b5e-8a55-3a8f2d5f7a10"
QUERY = [0.2, 0.1, 0.9, 0.7]
CITIES = {
    1: ([0.05, 0.61, 0.76, 0.74], {
        "city": "Berlin", "text": "a city on the Spree", "people": 3.7, "rank": 5, "tags": ["a", "b"], "capital": True,
        "at": {"lat": 52.52, "lon": 13.40}, "founded": "1237-01-01T00:00:00Z", "river": {"name": "Spree", "km": [400]},
    }),
    2: ([0.19, 0.81, 0.75, 0.11], {
        "city": "London", "text": "a city on the Thames", "people": 8.9, "rank": 3, "tags": ["b"], "capital": True,
        "at": {"lat": 51.51, "lon": -0.13}, "founded": "0047-01-01T00:00:00Z", "river": {"name": "Thames", "km": [346]},
    }),
    3: ([0.36, 0.55, 0.47, 0.94], {
        "city": "Moscow", "text": "a city on the Moskva", "people": 13.1, "rank": 2, "tags": ["a", "c"], "capital": True,
        "at": {"lat": 55.76, "lon": 37.62}, "founded": "1147-04-04T00:00:00Z", "river": {"name": "Moskva", "km": [503]},
    }),
    4: ([0.18, 0.01, 0.85, 0.80], {
        "city": "New York", "text": "a city on the Hudson", "people": 8.3, "rank": 4, "capital": False, "mayor": None,
        "at": {"lat": 40.71, "lon": -74.01}, "founded": "1624-01-01T00:00:00Z", "districts": [{"name": "Bronx", "n": 2}, {"name": "Queens", "n": 4}],
    }),
    5: ([0.24, 0.18, 0.22, 0.44], {
        "city": "Beijing", "text": "a city near the Yongding", "people": 21.9, "rank": 1, "tags": [], "capital": True,
        "at": {"lat": 39.90, "lon": 116.41}, "id": UUID,
    }),
    6: ([0.35, 0.08, 0.11, 0.44], {"city": "Mumbai", "text": "a city by the Arabian Sea", "people": 12.5, "rank": 6, "capital": False}),
}
# Of the sparse vector that stands beside the managed one and that no model is responsible for.
WORDS = {number: {"indices": [number, 10, 20 + number], "values": [1.0, 0.5 + number / 10, 0.25]} for number in CITIES}


def match(key, value):
    """A filter on one value."""
    return models.Filter(must=[field(key, match=models.MatchValue(value=value))])


def field(key, **what):
    """A condition on a payload key."""
    return models.FieldCondition(key=key, **what)


def create(client, name, vector):
    """The collection, before anybody manages it: the vector, and a sparse one beside it."""
    params = models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)
    sparse = {"words": models.SparseVectorParams(modifier=models.Modifier.IDF)}
    client.create_collection(name, vectors_config={vector: params} if vector else params, sparse_vectors_config=sparse)


class Scenario:
    """A client, a collection, the name of its vector, and the transcript of what was answered."""

    def __init__(self, client, name, vector, transcript):
        self.client, self.name, self.vector = client, name, vector
        self.say = transcript.note
        self.using = {"using": vector} if vector else {}

    def given(self, values, words=None):
        """A point's vectors: a bare list where the vector is unnamed and alone."""
        if words is None:
            return {self.vector: values} if self.vector else values
        return {self.vector: values, "words": models.SparseVector(**words)}

    def points(self, numbers):
        """Some of the cities, the even ones with their words."""
        return [
            models.PointStruct(id=n, vector=self.given(CITIES[n][0], WORDS[n] if n % 2 == 0 else None), payload=CITIES[n][1])
            for n in numbers
        ]

    def look(self, label):
        """Everything that is there."""
        self.say(label, lambda: self.client.scroll(self.name, limit=200, with_vectors=True))
