"""HTTP/1.1 whose bytes a test writes itself: what clients' libraries would put right, or refuse to send."""

import http.client
import socket

SECONDS = 5
# Ends the connection behind whatever was sent; its own answer is left out.
LAST = "the-last-request"


def exchange(target, data):
    """Sends `data` to host:port and reads the answers until the connection ends: [(status, headers, body)].

    Where the server waits for more of a body that was announced too long, what came until then is all.
    """
    host, port = target.split(":")
    answers = []
    with socket.create_connection((host, int(port)), timeout=SECONDS) as wire:
        wire.sendall(data + request("GET", "/healthz", [("x-request-id", LAST), ("connection", "close")]))
        reader = wire.makefile("rb")
        while True:
            answer = http.client.HTTPResponse(_Stream(reader))
            try:
                answer.begin()
                body = answer.read()
            except (http.client.HTTPException, ConnectionResetError, TimeoutError):
                return answers
            headers = {name.lower(): value for name, value in answer.getheaders()}
            if headers.get("x-request-id") != LAST:
                answers.append((answer.status, headers, body))


class _Stream:
    """What `HTTPResponse` takes for a socket; it may close it, and the next answer still needs it."""

    def __init__(self, reader):
        self._reader = reader

    def makefile(self, *_):
        return _Shared(self._reader)


class _Shared:
    def __init__(self, reader):
        self._reader = reader

    def __getattr__(self, name):
        return getattr(self._reader, name)

    def close(self):
        """Not here."""


def request(method, target, headers, body=b"", length=True):
    """One request's bytes. `headers` is a list of pairs, sent as they are."""
    lines = [f"{method} {target} HTTP/1.1", "host: interlock", *(f"{name}: {value}" for name, value in headers)]
    if length:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*pieces):
    """A body in chunks."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
