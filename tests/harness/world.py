"""The upstreams that a suite runs against: the embedded engine always, a real Qdrant where the environment names one.

"Direct" is what Interlock is compared with: the real Qdrant itself; for the embedded engine, an Interlock that manages
nothing and so passes every byte to the engine.
"""

import contextlib
import itertools
import os

from harness.process import Address, Interlock

EMBEDDED, QDRANT = "embedded", "qdrant"
_numbers = itertools.count(1)


def real_qdrant():
    """The address of the real Qdrant that the environment names, or None."""
    rest, grpc = os.environ.get("QDRANT_URL"), os.environ.get("QDRANT_GRPC_URL")
    assert bool(rest) == bool(grpc), "set both QDRANT_URL and QDRANT_GRPC_URL, or neither"
    return Address(rest.rstrip("/"), grpc.rstrip("/")) if rest else None


def engines():
    """The upstreams to run against."""
    return [EMBEDDED, QDRANT] if real_qdrant() else [EMBEDDED]


class World:
    """One upstream, its direct address, and the Interlocks of one test in front of it."""

    def __init__(self, engine, folder, direct):
        self.engine = engine
        self.folder = folder
        self.direct = direct
        self.interlocks = []
        self.collections = []

    def name(self, stem):
        """A collection name that nobody else uses: a real Qdrant is shared and may be used again."""
        name = f"{stem}-{os.getpid()}-{next(_numbers)}"
        self.collections.append(name)
        return name

    def interlock(self, upstream=None, **options):
        """An Interlock in front of this upstream, or of what is given, not started yet."""
        upstream = upstream or (real_qdrant() if self.engine == QDRANT else None)
        made = Interlock(self.folder / f"interlock-{len(self.interlocks)}", upstream=upstream, **options)
        self.interlocks.append(made)
        return made

    @contextlib.contextmanager
    def bare(self, interlock):
        """The upstream without Interlock's view, tags and standby spaces visible. Stops an embedded `interlock`."""
        if self.engine != EMBEDDED:
            yield self.direct
            return
        interlock.stop()
        plain = Interlock(self.folder / f"bare-{len(self.interlocks)}")
        self.interlocks.append(plain)
        interlock.copy_of_engine(plain.data)
        with plain:
            yield plain.address

    def close(self):
        """Ends what was started, and leaves nothing in a real Qdrant."""
        for interlock in self.interlocks:
            interlock.kill()
        if self.engine == QDRANT:
            from harness.clients import official

            client = official(real_qdrant())
            for name in self.collections:
                client.delete_collection(name)
            client.close()
