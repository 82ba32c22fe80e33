"""One `interlock serve`, started, stopped and killed from outside, and its command line."""

import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import httpx

from harness.ports import free_port
from harness.wait import until

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 60.0
# Waits that suit production and would only make the suites slow.
QUICK = {
    "drain": {"grace_ms": 100},
    "migrate": {"look_every_ms": 500, "look_gap_ms": 100, "backoff_first_ms": 50, "backoff_max_ms": 1000},
}


def binary():
    """The built `interlock`: INTERLOCK_BIN, as tests/run sets it, or what the newest build left."""
    if os.environ.get("INTERLOCK_BIN"):
        return os.environ["INTERLOCK_BIN"]
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [target / profile / "interlock" for profile in ("release", "debug")]
    built = sorted((path for path in built if path.exists()), key=lambda path: path.stat().st_mtime)
    assert built, "there is no built `interlock`: run tests/run, or `cargo build --release` and set INTERLOCK_BIN"
    return str(built[-1])


def as_toml(*layers):
    """Sections of keys as TOML; of the same key the last layer's stands."""
    merged = {}
    for layer in layers:
        for section, keys in layer.items():
            merged.setdefault(section, {}).update(keys)
    lines = []
    for section, keys in merged.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    return "\n".join(lines) + "\n"


class CliError(Exception):
    """A command of `interlock` that did not end with 0."""

    def __init__(self, arguments, code, document, stderr):
        super().__init__(f"interlock {' '.join(arguments)}: exit code {code}: {document or stderr}")
        self.code = code
        self.document = document
        self.stderr = stderr


@dataclass(frozen=True)
class Address:
    """Where Qdrant's API is served, by Interlock or by Qdrant."""

    rest: str
    grpc: str

    @property
    def grpc_port(self):
        """The gRPC port."""
        return int(self.grpc.rsplit(":", 1)[1])

    @property
    def grpc_target(self):
        """host:port of the gRPC port."""
        return self.grpc.split("://", 1)[1]


class Interlock:
    """`interlock serve` on ports and in a data directory of its own, which outlive its processes."""

    def __init__(self, folder, upstream=None, config=None, environment=None, wrapper=()):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = self.folder / "data"
        self.upstream = upstream
        self.ports = [free_port() for _ in range(3)]
        # `serve` refuses INTERLOCK_ variables that it does not know, and the suites have some of their own.
        ours = {name: value for name, value in os.environ.items() if not name.startswith("INTERLOCK_")}
        self.environment = {**ours, **(environment or {})}
        self.wrapper = list(wrapper)
        self.log = self.folder / "interlock.log"
        self.process = None
        self.config = self.folder / "interlock.toml"
        self.config.write_text(as_toml(QUICK, config or {}))

    @property
    def address(self):
        """Where it serves Qdrant's API."""
        http, grpc, _ = self.ports
        return Address(f"http://127.0.0.1:{http}", f"http://127.0.0.1:{grpc}")

    @property
    def admin(self):
        """The URL of its operator port."""
        return f"http://127.0.0.1:{self.ports[2]}"

    def command(self):
        """What starts it."""
        flags = [f"--{name}=127.0.0.1:{port}" for name, port in zip(("http", "grpc", "admin"), self.ports)]
        if self.upstream:
            flags += [f"--upstream={self.upstream.grpc}", f"--upstream-rest={self.upstream.rest}"]
        return [*self.wrapper, binary(), "serve", *flags, f"--config={self.config}", f"--data={self.data}"]

    def spawn(self):
        """Starts it and returns at once."""
        assert self.process is None, "it runs already"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment
            )
        return self

    def start(self):
        """Starts it and waits until it is ready."""
        self.spawn()
        until(self.is_ready, f"interlock is ready ({self.log})", START_SECONDS)
        return self

    def is_ready(self):
        """Whether /readyz says so. Fails where the process has ended."""
        code = self.process.poll()
        assert code is None, f"interlock ended with {code}:\n{self.tail()}"
        try:
            return httpx.get(f"{self.admin}/readyz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def tail(self, lines=40):
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def kill(self):
        """kill -9."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(STOP_SECONDS)
            self.process = None

    def stop(self):
        """SIGTERM; returns the exit code."""
        process, self.process = self.process, None
        if process is None:
            return None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"SIGTERM did not end it within {STOP_SECONDS} s:\n{self.tail()}") from None

    def spawn_cli(self, *arguments):
        """Starts a command of the CLI against this Interlock, with --json."""
        return subprocess.Popen(
            [binary(), *arguments, "--admin", self.admin, "--json"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment,
        )

    def cli(self, *arguments, seconds=150):
        """Runs a command of the CLI and returns its JSON document."""
        return finished(self.spawn_cli(*arguments), arguments, seconds)

    def migration(self, field):
        """`migrate status` of one field."""
        document = self.cli("migrate", "status", field)
        found = document.get("migrations", [document])
        assert len(found) == 1, document
        return found[0]

    def await_migration(self, field, condition, what, seconds=90):
        """Waits until the status of the field's migration satisfies `condition`."""
        return until(lambda: (lambda state: condition(state) and state)(self.migration(field)), what, seconds, 0.1)

    def copy_of_engine(self, folder):
        """A copy of the embedded engine's data alone: an Interlock on it manages nothing, and shows what is there."""
        assert self.process is None, "its data can be copied when it is stopped"
        shutil.copytree(self.data, folder, ignore=shutil.ignore_patterns("interlock.redb*"))

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()


def finished(process, arguments, seconds=150):
    """The JSON document of a command that was spawned; CliError where it failed."""
    try:
        stdout, stderr = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        _, stderr = process.communicate()
        raise AssertionError(f"`interlock {' '.join(arguments)}` did not end within {seconds} s: {stderr}") from None
    try:
        document = json.loads(stdout) if stdout.strip() else None
    except json.JSONDecodeError:
        raise AssertionError(f"--json printed more or less than one document:\n{stdout}") from None
    if process.returncode != 0:
        raise CliError(arguments, process.returncode, document, stderr)
    return document
