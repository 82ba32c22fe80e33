"""An OpenAI-shaped embeddings endpoint that replays vectors by text, with faults that can be switched on and off."""

import json
import select
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.ports import free_port

GATE_SECONDS = 300.0


class Gate:
    """Lets a set number of distinct texts through and holds every call that would need more."""

    def __init__(self):
        self._changed = threading.Condition()
        self._budget = None
        self._seen = set()
        self.waiting = 0

    def allow(self, texts):
        """So many distinct texts in all may pass since the last `hold`; None: all."""
        with self._changed:
            self._budget = texts
            self._changed.notify_all()

    def hold(self):
        """Nothing passes any more."""
        with self._changed:
            self._seen.clear()
            self._budget = 0

    def open(self):
        """Everything passes."""
        self.allow(None)

    def _admit(self, texts):
        if self._budget is None:
            return True
        new = set(texts) - self._seen
        if len(self._seen) + len(new) > self._budget:
            return False
        self._seen |= new
        return True

    def pass_through(self, texts, is_abandoned):
        """Waits for its turn; False where the caller has gone meanwhile."""
        with self._changed:
            self.waiting += 1
            try:
                for _ in range(int(GATE_SECONDS / 0.1)):
                    if is_abandoned():
                        return False
                    if self._admit(texts):
                        return True
                    self._changed.wait(0.1)
                return False
            finally:
                self.waiting -= 1


class Faults:
    """What is wrong with one model's endpoint now. Plain attributes: set them."""

    def __init__(self):
        self.status = None
        self.retry_after = None
        self.extra_components = 0
        self.gate = Gate()


class Embedder:
    """Serves `POST /v1/embeddings`. `models` maps a name to a function from a text to its vector (a list of floats)."""

    def __init__(self, models):
        self.models = models
        self.faults = {name: Faults() for name in models}
        self.port = free_port()
        self.on_call = lambda model, texts: None
        self.calls = {name: 0 for name in models}
        self._counting = threading.Lock()
        self._server = None

    @property
    def url(self):
        """The URL of the embeddings call."""
        return f"http://127.0.0.1:{self.port}/v1/embeddings"

    def model_flags(self, name, dimension, distance="cosine", **options):
        """The arguments of `interlock model add` for one of its models, as version 1."""
        extra = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
        return [
            "model", "add", f"{name}@1", f"--dim={dimension}", f"--distance={distance}", "--embedder=openai",
            f"--url={self.url}", f"--api-model={name}", *extra,
        ]

    def start(self):
        """Listens."""
        handler = type("Handler", (_Handler,), {"embedder": self})
        self._server = _Server(("127.0.0.1", self.port), handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        """Is down: connections are refused, and those that stand are cut."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            server.cut()

    def note(self, model, texts):
        """Counts a call and tells whoever listens."""
        with self._counting:
            self.calls[model] += 1
        self.on_call(model, texts)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        for faults in self.faults.values():
            faults.gate.open()
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, *arguments):
        self._open = set()
        super().__init__(*arguments)

    def process_request(self, request, client_address):
        self._open.add(request)
        super().process_request(request, client_address)

    def close_request(self, request):
        self._open.discard(request)
        super().close_request(request)

    def cut(self):
        for request in list(self._open):
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._open.discard(request)

    def handle_error(self, request, client_address):
        """A caller that went away is part of the experiment."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    embedder = None

    def log_message(self, *_):
        """Silent."""

    def _is_abandoned(self):
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""

    def do_POST(self):
        """One call."""
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name, texts = request["model"], request["input"]
        if name not in self.embedder.models:
            return self._answer(404, {"error": {"message": f"no model {name}"}})
        faults = self.embedder.faults[name]
        self.embedder.note(name, texts)
        if faults.status is not None:
            return self._answer(faults.status, {"error": {"message": "as told"}}, faults.retry_after)
        if not faults.gate.pass_through(texts, self._is_abandoned):
            self.close_connection = True
            return None
        vector_of = self.embedder.models[name]
        data = []
        for index, text in enumerate(texts):
            vector = vector_of(text)
            if vector is None:
                return self._answer(400, {"error": {"message": f"no vector is known for {text[:60]!r}"}})
            vector = vector + [0.0] * faults.extra_components
            data.append({"object": "embedding", "index": index, "embedding": vector})
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        return self._answer(200, {"object": "list", "model": name, "data": data, "usage": usage})

    def _answer(self, status, document, retry_after=None):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if retry_after is not None:
            self.send_header("retry-after", str(retry_after))
        self.end_headers()
        self.wfile.write(body)
