"""What is measured: an upstream that answers at once, the proxies in front of it, and Interlock's collections."""

import json
import os
import subprocess
import urllib.request
from pathlib import Path

from bench.process import Process, free_port

ROOT = Path(__file__).resolve().parents[2]
RIVALS = ROOT / "benches" / "rivals"
# Kinds of collections, and the dimensions of their vectors: see `shape` in workload/case.rs.
DIMENSIONS = {"plain": (12, 40, 1536), "managed": (12, 40, 1536), "moving": (6, 20, 768)}
CONFIG = """[limits]
connections_max = 12000
[log]
level = "warn"
"""


def built(name, variable):
    """A built program: what the variable names, else the newest release build."""
    if os.environ.get(variable):
        return Path(os.environ[variable]).resolve()
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = (target if target.is_absolute() else ROOT / target) / "release" / name
    if not path.exists():
        raise SystemExit(f"{path} is missing: benches/README.md says how to build it, or set {variable}")
    return path


def http(method, url, document=None, seconds=120):
    """One call with JSON; the answer's document."""
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        return json.load(answer)


def is_there(url):
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


class Ports:
    """Where one server is reached."""

    def __init__(self, grpc=None, rest=None):
        self.grpc, self.rest = grpc or free_port(), rest or free_port()

    def of(self, protocol):
        """The port of a protocol."""
        return {"grpc": self.grpc, "rest": self.rest}[protocol]


class Interlock:
    """`interlock serve`, and its command line. Its data outlives its processes."""

    def __init__(self, folder, name="interlock", upstream=None):
        self.folder, self.name, self.upstream = folder, name, upstream
        self.ports, self.admin = Ports(), free_port()
        self.binary = built("interlock", "INTERLOCK_BIN")
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("INTERLOCK_")}
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / f"{name}.toml"
        self.config.write_text(CONFIG)

    def command(self):
        """What starts it."""
        serve = [self.binary, "serve", f"--config={self.config}", f"--data={self.folder / self.name}"]
        serve += [f"--http=127.0.0.1:{self.ports.rest}", f"--grpc=127.0.0.1:{self.ports.grpc}"]
        serve += [f"--admin=127.0.0.1:{self.admin}"]
        if self.upstream:
            grpc, rest = self.upstream
            serve += [f"--upstream={grpc}", f"--upstream-rest={rest}"]
        return serve

    def start(self, core=None, wrapper=(), seconds=60):
        """Starts it and waits until it is ready."""
        process = Process(self.name, [*wrapper, *self.command()], self.folder, core, self.environment)
        return process.await_ready(lambda: is_there(f"http://127.0.0.1:{self.admin}/readyz"), seconds)

    def cli(self, *arguments):
        """One command of the operator's; its JSON document."""
        command = [str(self.binary), *arguments, "--admin", f"http://127.0.0.1:{self.admin}", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=self.environment)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else None


class Rival:
    """nginx or HAProxy, by one of the configurations in `rivals/`."""

    def __init__(self, folder, name, upstream):
        self.name, self.folder, self.ports = name, folder / name, Ports()
        self.folder.mkdir(parents=True, exist_ok=True)
        is_nginx = name.startswith("nginx")
        file = f"{name}.{'conf' if is_nginx else 'cfg'}"
        text = (RIVALS / file).read_text()
        places = {
            "DIR": self.folder, "GRPC": self.ports.grpc, "REST": self.ports.rest,
            "UPSTREAM_GRPC": upstream.grpc, "UPSTREAM_REST": upstream.rest,
        }
        for place, value in places.items():
            text = text.replace(f"@{place}@", str(value))
        config = self.folder / file
        config.write_text(text)
        self.program = ["nginx", "-p", self.folder, "-c", config] if is_nginx else ["haproxy", "-db", "-f", config]

    def start(self, core=None, wrapper=()):
        """Starts it and waits until it takes connections."""
        process = Process(self.name, [*wrapper, *self.program], self.folder, core)
        return process.await_ports(self.ports.grpc, self.ports.rest)


class Control:
    """Who answers what is not measured: the real Qdrant that the environment names, else an embedded engine."""

    def __init__(self, folder):
        named = os.environ.get("QDRANT_GRPC_URL"), os.environ.get("QDRANT_URL")
        self.is_real = all(named)
        self.process = None
        if self.is_real:
            self.grpc, self.rest = (url.rstrip("/") for url in named)
            return
        engine = Interlock(folder, "engine")
        self.process = engine.start()
        self.grpc, self.rest = (f"http://127.0.0.1:{port}" for port in (engine.ports.grpc, engine.ports.rest))

    def stop(self):
        """Ends what was started."""
        if self.process:
            self.process.stop()


class Setting:
    """The upstream, and an Interlock in front of it that has adopted its collections."""

    def __init__(self, folder, core=None):
        self.folder, self.workload = folder, built("examples/workload", "WORKLOAD_BIN")
        # A real Qdrant may be used by others, and again.
        self.prefix = f"bench-{os.getpid()}"
        self.control = Control(folder)
        self.ports = Ports()
        command = [self.workload, "upstream", f"--grpc=127.0.0.1:{self.ports.grpc}"]
        command += [f"--rest=127.0.0.1:{self.ports.rest}"]
        command += [f"--behind-grpc={self.control.grpc}", f"--behind-rest={self.control.rest}"]
        self.upstream = Process("upstream", command, folder, core)
        try:
            self.upstream.await_ports(self.ports.grpc, self.ports.rest)
        except RuntimeError:
            self.control.stop()
            raise
        here = tuple(f"http://127.0.0.1:{port}" for port in (self.ports.grpc, self.ports.rest))
        self.interlock = Interlock(folder, "interlock", here)

    def collection(self, kind, dimension):
        """A collection's whole name."""
        return f"{self.prefix}-{kind}-{dimension}"

    def collections(self):
        """All of them: (kind, dimension, name)."""
        return [(kind, size, self.collection(kind, size)) for kind, sizes in DIMENSIONS.items() for size in sizes]

    def adopt(self):
        """Makes the collections, adopts those that are managed, and opens dual writing on those that move."""
        for _, dimension, name in self.collections():
            vectors = {"text": {"size": dimension, "distance": "Cosine"}}
            http("PUT", f"{self.control.rest}/collections/{name}", {"vectors": vectors})
        process = self.interlock.start()
        try:
            for kind, dimension, name in self.collections():
                if kind == "plain":
                    continue
                models = ("old", "new") if kind == "moving" else ("old",)
                for model in (f"{stem}-{dimension}@1" for stem in models):
                    add = ("--dim", str(dimension), "--distance", "cosine", "--embedder", "none")
                    self.interlock.cli("model", "add", model, *add)
                self.interlock.cli("adopt", name, "--vector", "text", "--model", f"old-{dimension}@1")
                if kind == "moving":
                    start = ("migrate", "start", f"{name}/text", "--to", f"new-{dimension}@1", "--detach")
                    self.interlock.cli(*start)
        finally:
            process.stop()

    def case(self, protocol, kind, size, collection, dimension=None):
        """The arguments that say to `workload` what is asked."""
        case = ["--protocol", protocol, "--kind", kind, "--size", size]
        case += ["--collection", f"{self.prefix}-{collection}"]
        if collection == "moving":
            case += ["--second-vector", "text@new-{dimension}@1"]
        if collection != "plain":
            case += ["--managed"]
        if dimension:
            case += ["--dimension", str(dimension)]
        return case

    def close(self):
        """Ends what was started, and leaves nothing in a real Qdrant."""
        self.upstream.stop()
        if self.control.is_real:
            for _, _, name in self.collections():
                http("DELETE", f"{self.control.rest}/collections/{name}")
        self.control.stop()
