"""Interlock's resident memory: idle, under idle connections, under clients that do not read, and under saturation."""

import socket
import time

from bench import load
from bench.cells import Cell
from bench.rounds import LOAD_CORE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, HEADERS, DATA = 4, 1, 0
END_STREAM, END_HEADERS = 1, 4
INITIAL_WINDOW_SIZE = 4
FRAME_BYTES_MAX = 16_384


def frame(kind, flags, stream, payload=b""):
    """One HTTP/2 frame."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def literal(name, value):
    """A header that enters no table, by HPACK's plainest form."""
    name, value = name.encode(), value.encode()
    assert max(len(name), len(value)) < 127, "longer ones need another length"
    return bytes((0, len(name))) + name + bytes((len(value),)) + value


def opening(window=65_535):
    """What a client sends first; streams get this window."""
    return PREFACE + frame(SETTINGS, 0, 0, INITIAL_WINDOW_SIZE.to_bytes(2, "big") + window.to_bytes(4, "big"))


def call(request, authority):
    """A whole call on stream 1."""
    pairs = [(":method", request.method), (":scheme", "http"), (":path", request.path), (":authority", authority)]
    head = b"".join(literal(name, value) for name, value in [*pairs, *request.headers])
    body = request.file.read_bytes()
    frames = [frame(HEADERS, END_HEADERS, 1, head)]
    for start in range(0, len(body), FRAME_BYTES_MAX):
        part = body[start : start + FRAME_BYTES_MAX]
        frames.append(frame(DATA, END_STREAM if start + len(part) == len(body) else 0, 1, part))
    return b"".join(frames)


def connections(port, count, sent):
    """So many connections that say this and then nothing, and never read more than the greeting."""
    made = []
    for _ in range(count):
        peer = socket.create_connection(("127.0.0.1", port), timeout=10)
        peer.sendall(sent)
        made.append(peer)
    for peer in made:
        peer.recv(9)
    return made


def measured(process, port, count, sent):
    """Memory with so many connections more, and a connection's share of the growth."""
    before = process.memory()
    made = connections(port, count, sent)
    # Memory follows the last greeting by what the runtime still has to do: two looks that agree end the wait.
    last = None
    while (now := process.memory()) != last:
        last = now
        time.sleep(0.3)
    for peer in made:
        peer.close()
    return {"connections": count, "bytes": now, "each_bytes": (now - before) / count}


def measure(bench, interlock, idle_count, slow_count, soak_seconds, say):
    """All of it, on a fresh process. `bench` gives requests; its own Interlock must not run meanwhile."""
    process = interlock.start(core=0)
    try:
        port = interlock.ports.grpc
        seen = {"idle_bytes": process.memory()}
        seen["idle_connections"] = measured(process, port, idle_count, opening())
        cell = Cell("grpc", "6.4", "read")
        slow = opening(0) + call(bench.request(cell, "managed", "read"), f"127.0.0.1:{port}")
        seen["slow_readers"] = measured(process, port, slow_count, slow)
        say(f"memory: idle {seen['idle_bytes'] / 2**20:.1f} MiB")
        seen["saturation"] = saturate(bench, cell, process, port, soak_seconds)
        seen["peak_bytes"] = process.memory("VmHWM")
    finally:
        process.stop()
    return seen


def saturate(bench, cell, process, port, seconds):
    """Load as high as it goes; memory after the first tenth and at the end."""
    request = bench.request(cell, "managed", "read")
    begun, calls, early = time.monotonic(), 0, None
    while (spent := time.monotonic() - begun) < seconds:
        load.closed(bench.setting, request, port, 20_000, 4, 8, process, LOAD_CORE)
        calls += 20_000
        if early is None and spent >= seconds / 10:
            early = process.memory()
    return {"seconds": seconds, "calls": calls, "early_bytes": early or process.memory(), "late_bytes": process.memory()}
