"""Two made-up models whose vectors of a text can be computed anew anywhere: a checker needs no table of what was sent."""

import hashlib
from functools import lru_cache

import numpy as np


class SeededModel:
    """A text's vector is drawn from a generator seeded with the model's name and the text: unit length, no meaning."""

    def __init__(self, name, dimension):
        self.name = name
        self.dimension = dimension
        self.unit = lru_cache(maxsize=200_000)(self._unit)

    def _unit(self, text):
        seed = hashlib.blake2b(f"{self.name}\0{text}".encode(), digest_size=16).digest()
        drawn = np.random.Generator(np.random.PCG64(int.from_bytes(seed, "big"))).standard_normal(self.dimension)
        return (drawn / np.linalg.norm(drawn)).astype(np.float32)

    def vector(self, text):
        """The vector as JSON takes it."""
        return [float(component) for component in self.unit(text)]

    def made(self, vector, text):
        """Whether `vector` is this model's vector of `text`. Another model's is nearly orthogonal to it."""
        if vector is None or len(vector) != self.dimension:
            return False
        return float(np.dot(np.asarray(vector, dtype=np.float64), self.unit(text))) > 0.999
