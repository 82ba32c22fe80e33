"""Free ports, below the range from which the system takes those of outgoing connections: a restart finds its own free."""

import os
import random
import socket

_random = random.Random(os.getpid())
_given = set()


def free_port():
    """A port of loopback that nothing listens on and that this process has not given out yet."""
    for _ in range(1000):
        port = _random.randrange(20_000, 32_000)
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise AssertionError("no free port in 1000 attempts")
