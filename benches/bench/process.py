"""Processes that are started, pinned, watched and ended; their processor time and memory."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 30.0


def free_port():
    """A port of loopback that nothing listens on, below those that the system gives to outgoing connections."""
    for port in range(21_000 + os.getpid() * 7 % 9_000, 32_000):
        if port in free_port.given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        free_port.given.add(port)
        return port
    raise RuntimeError("no free port")


free_port.given = set()


def pinned(core, command):
    """The command, on one processor alone; on any where `core` is None."""
    return [str(part) for part in command] if core is None else ["taskset", "-c", str(core), *map(str, command)]


class Process:
    """One server: started at once, ready when its ports take connections."""

    def __init__(self, name, command, folder, core=None, environment=None):
        folder.mkdir(parents=True, exist_ok=True)
        self.name, self.log = name, folder / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                pinned(core, command), cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment,
            )

    @property
    def pid(self):
        """Its process id (taskset and valgrind replace themselves by what they start)."""
        return self.process.pid

    def await_ready(self, is_ready, seconds=START_SECONDS):
        """Waits until `is_ready()`; ends it where that does not come."""
        deadline = time.monotonic() + seconds
        while not is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                self.process.wait()
                raise RuntimeError(f"{self.name} is not ready:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.05)
        return self

    def await_ports(self, *ports):
        """Waits until its ports take connections."""
        return self.await_ready(lambda: all(map(takes_connections, ports)))

    def cpu_seconds(self):
        """Processor time of all its threads so far, user and system."""
        tasks = list(Path(f"/proc/{self.pid}/task").iterdir())
        spent = [int((task / "schedstat").read_text().split()[0]) for task in tasks]
        return sum(spent) / 1e9

    def user_and_system(self):
        """Processor time in user space and in the kernel, in seconds; coarse (10 ms)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        tick = os.sysconf("SC_CLK_TCK")
        return int(fields[11]) / tick, int(fields[12]) / tick

    def memory(self, what="VmRSS"):
        """Resident memory in bytes; the highest so far as VmHWM."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"{self.name} has ended")

    def stop(self):
        """SIGTERM, and the wait for its end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"{self.name} did not end:\n{self.log.read_text(errors='replace')[-2000:]}") from None


def takes_connections(port):
    """Whether something listens on the port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
