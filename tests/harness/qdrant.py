"""A Qdrant of one's own, started, killed and started again: QDRANT_BIN names the binary."""

import os
import signal
import subprocess
from pathlib import Path

import httpx

from harness.ports import free_port
from harness.process import Address
from harness.wait import until

START_SECONDS = 60.0


def qdrant_binary():
    """The binary to start, or None."""
    return os.environ.get("QDRANT_BIN")


class Qdrant:
    """A Qdrant on ports and in a folder of its own, which outlive its processes."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.address = Address(*(f"http://127.0.0.1:{free_port()}" for _ in range(2)))
        self.log = self.folder / "qdrant.log"
        self.process = None

    def start(self):
        """Starts it and waits until it is ready: every collection is there again."""
        environment = {
            "QDRANT__SERVICE__HOST": "127.0.0.1",
            "QDRANT__SERVICE__HTTP_PORT": self.address.rest.rsplit(":", 1)[1],
            "QDRANT__SERVICE__GRPC_PORT": str(self.address.grpc_port),
            "QDRANT__TELEMETRY_DISABLED": "true",
            "QDRANT__STORAGE__STORAGE_PATH": str(self.folder / "storage"),
            "QDRANT__STORAGE__SNAPSHOTS_PATH": str(self.folder / "snapshots"),
        }
        assert self.process is None, "it runs already"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [qdrant_binary()], cwd=self.folder, env={**os.environ, **environment},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        until(self.is_ready, f"Qdrant is ready ({self.log})", START_SECONDS)
        return self

    def is_ready(self):
        """Whether /readyz says so. Fails where the process has ended."""
        assert self.process.poll() is None, f"Qdrant ended: {self.log.read_text(errors='replace')[-2000:]}"
        try:
            return httpx.get(f"{self.address.rest}/readyz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self):
        """kill -9."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None
