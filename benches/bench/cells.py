"""What is compared: cells of one protocol, size and kind, and in each the arms that serve it."""

from dataclasses import dataclass

SIZES = ("0.2", "6.4", "64", "643")
RIVALS = ("nginx-stock", "nginx-tuned", "haproxy-stock", "haproxy-tuned")
BASE = "nginx-tuned"
# Of Interlock: the collection, and the kind of call where it is not the cell's.
OURS = {
    "read": {"interlock-unmanaged": ("plain", "read"), "interlock-managed-read": ("managed", "read")},
    "write": {
        "interlock-unmanaged": ("plain", "write"),
        "interlock-managed-write": ("managed", "write"),
        "interlock-dual-write": ("moving", "dual"),
    },
}


@dataclass(frozen=True)
class Cell:
    """One comparison."""

    protocol: str
    size: str
    kind: str

    @property
    def name(self):
        """As it stands in the report."""
        return f"{self.protocol} {self.size} KB {self.kind}"

    def arms(self):
        """Each arm: its server, its collection and its kind of call."""
        others = {name: (name, "plain", self.kind) for name in ("direct", *RIVALS)}
        ours = {name: ("interlock", *which) for name, which in OURS[self.kind].items()}
        return {**others, **ours}

    def loads(self):
        """One call at a time, and many: (connections, streams on each). HTTP/1.1 has one stream a connection."""
        is_large = self.size in ("64", "643")
        if self.protocol == "rest":
            return {"one": (1, 1), "many": (8 if is_large else 32, 1)}
        return {"one": (1, 1), "many": (2, 4) if is_large else (4, 8)}


def cells():
    """All of them."""
    return [Cell(protocol, size, kind) for protocol in ("grpc", "rest") for size in SIZES for kind in OURS]


# Under a constant rate: cell, and connections.
OPEN = {Cell("grpc", "6.4", "read"): 4, Cell("grpc", "643", "write"): 2, Cell("rest", "6.4", "read"): 32}
