"""A TCP pass-through that writes down each request that goes by, and that can be cut: what reached the upstream?"""

import socket
import threading
from dataclasses import dataclass, field

from hpack import Decoder

from harness.ports import free_port
from harness.process import Address

# The header that follows a client's request to the upstream: a test finds its own requests by it.
MARK = "x-request-id"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, CONTINUATION = 0x0, 0x1, 0x9
PADDED, PRIORITY, END_HEADERS, END_STREAM = 0x8, 0x20, 0x4, 0x1


@dataclass
class Seen:
    """A request that went by. Its body may still be on its way."""

    line: str
    fields: dict
    body: bytearray = field(default_factory=bytearray)


class Http1Reader:
    """Finds each request in one direction of an HTTP/1.1 connection."""

    def __init__(self, note):
        self._note, self._buffer, self._skip, self._chunked = note, b"", 0, False
        self._seen = None

    def feed(self, data):
        """More bytes."""
        self._buffer += data
        while self._take():
            continue

    def _take(self):
        if self._skip:
            taken = min(self._skip, len(self._buffer))
            self._seen.body += self._buffer[:taken]
            self._buffer, self._skip = self._buffer[taken:], self._skip - taken
            return bool(taken) and bool(self._buffer)
        if self._chunked:
            return self._take_chunk()
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        self._buffer = rest
        line, *fields = head.decode("latin-1").split("\r\n")
        method, path, _ = line.split(" ", 2)
        named = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        self._seen = Seen(f"{method} {path}", named)
        self._note(self._seen)
        self._chunked = "chunked" in named.get("transfer-encoding", "")
        self._skip = int(named.get("content-length", 0))
        return True

    def _take_chunk(self):
        size, end, rest = self._buffer.partition(b"\r\n")
        if not end:
            return False
        length = int(size.split(b";")[0], 16)
        self._buffer, self._skip, self._chunked = rest, length + 2, length > 0
        return True


class Http2Reader:
    """Finds each request in one direction of an HTTP/2 connection."""

    def __init__(self, note):
        self._note, self._buffer, self._block, self._at = note, b"", b"", len(PREFACE)
        self._streams = {}
        self._decoder = Decoder(max_header_list_size=1 << 20)
        self._decoder.max_allowed_table_size = 1 << 20

    def feed(self, data):
        """More bytes."""
        self._buffer += data
        while len(self._buffer) >= self._at + 9:
            head = self._buffer[self._at : self._at + 9]
            end = self._at + 9 + int.from_bytes(head[:3], "big")
            if len(self._buffer) < end:
                return
            stream = int.from_bytes(head[5:9], "big") & 0x7FFF_FFFF
            self._frame(head[3], head[4], stream, self._buffer[self._at + 9 : end])
            self._buffer, self._at = self._buffer[end:], 0

    def _frame(self, kind, flags, stream, payload):
        if kind not in (DATA, HEADERS, CONTINUATION):
            return
        if kind != CONTINUATION:
            start, end = 0, len(payload)
            if flags & PADDED:
                start, end = 1, end - payload[0]
            start += 5 if kind == HEADERS and flags & PRIORITY else 0
            payload = payload[start:end]
        if kind == DATA:
            seen = self._streams.get(stream)
            if seen is not None:
                seen.body += payload
            if flags & END_STREAM:
                self._streams.pop(stream, None)
            return
        self._block += payload
        if flags & END_HEADERS:
            fields = {name: value for name, value in self._decoder.decode(self._block)}
            self._block = b""
            if ":path" in fields:
                self._streams[stream] = Seen(fields[":path"], fields)
                self._note(self._streams[stream])


class Line:
    """One port that leads to one port of the upstream."""

    def __init__(self, target, reader, note):
        host, port = target.split("://")[1].split(":")
        self._target, self._reader, self._note = (host, int(port)), reader, note
        self.port = free_port()
        self._listener, self._sockets, self._lock = None, set(), threading.Lock()

    def open(self):
        """Listens."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self):
        """Refuses connections and ends those that stand."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for end in self._sockets:
                _shut(end)
            self._sockets.clear()

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets |= {near, far}
            reader = self._reader(self._note)
            threading.Thread(target=_pump, args=(near, far, reader.feed), daemon=True).start()
            threading.Thread(target=_pump, args=(far, near, lambda data: None), daemon=True).start()


def _pump(source, sink, see):
    try:
        while data := source.recv(1 << 16):
            see(data)
            sink.sendall(data)
    except OSError:
        pass  # one of the ends has gone, so the other goes too
    _shut(source)
    _shut(sink)


def _shut(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is shut


class Recorder:
    """Both lines to an upstream and the requests that went over them."""

    def __init__(self, upstream):
        self.seen = []
        self.marked = {}
        self.heads = []
        self.requests = []
        self._lines = [Line(upstream.rest, Http1Reader, self._note), Line(upstream.grpc, Http2Reader, self._note)]

    def _note(self, seen):
        self.requests.append(seen)
        self.heads.append((seen.line, seen.fields))
        self.seen.append(seen.line)
        if MARK in seen.fields:
            self.marked.setdefault(seen.fields[MARK], []).append(seen)

    @property
    def address(self):
        """What Interlock takes for its upstream."""
        rest, grpc = self._lines
        return Address(f"http://127.0.0.1:{rest.port}", f"http://127.0.0.1:{grpc.port}")

    def open(self):
        """Connects."""
        for line in self._lines:
            line.open()
        return self

    def cut(self):
        """The upstream is down."""
        for line in self._lines:
            line.cut()

    def data_calls(self, start):
        """The requests since mark `start` that read or write points.

        A migration counts and scrolls by itself, at any time: those two are not looked at, so no test asks for them.
        """
        is_data = lambda path: "/qdrant.Points/" in path or "/points" in path or "/facet" in path
        return [path for path in self.seen[start:] if is_data(path) and not path.endswith(("/Count", "/Scroll"))]
