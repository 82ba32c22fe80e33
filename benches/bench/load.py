"""Load: h2load's closed loop, which neutral hands wrote, and the open loop of `workload`, which checks every answer."""

import json
import re
import subprocess

from bench.process import pinned
from bench.stats import quantile

RUN_SECONDS_MAX = 300


class TooFast(RuntimeError):
    """A constant rate that could not be kept up: too many calls were under way."""


class Request:
    """One case as a file for h2load."""

    def __init__(self, setting, case):
        self.protocol = case[1]
        self.case = case
        self.file = setting.folder / f"body-{abs(hash(tuple(case)))}"
        command = [str(setting.workload), "body", *case, str(self.file)]
        head = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        self.path, self.method, self.headers = head["path"], head["method"], head["headers"]

    @property
    def size(self):
        """Bytes of its body."""
        return self.file.stat().st_size

    def h2load(self, port, calls, connections, streams):
        """The command that sends it so often."""
        command = ["h2load", f"-n{calls}", f"-c{min(connections, calls)}", f"-m{streams}", f"-d{self.file}"]
        command += ["--h1"] if self.protocol == "rest" else []
        for name, value in [(":method", self.method), *self.headers]:
            command += ["-H", f"{name}: {value}"]
        return [*command, f"http://127.0.0.1:{port}{self.path}"]


def read_h2load(text, log, calls):
    """Calls a second and latencies in microseconds; fails unless every call was answered with 2xx."""
    finished = re.search(r"finished in ([\d.]+)(us|ms|s), ([\d.]+) req/s", text)
    succeeded = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", text)
    codes = re.search(r"status codes: (\d+) 2xx", text)
    if not (finished and succeeded and codes) or not int(succeeded[1]) == int(codes[1]) == calls:
        raise RuntimeError(f"not every call of {calls} succeeded:\n{text}")
    latencies = sorted(int(line.split("\t")[2]) for line in log.splitlines())
    return {
        "per_second": float(finished[3]),
        "p50_us": quantile(latencies, 0.5),
        "p99_us": quantile(latencies, 0.99),
    }


def closed(setting, request, port, calls, connections, streams, server=None, core=None):
    """One closed-loop run; with the server's processor time a call where it is given."""
    log = setting.folder / "h2load.log"
    log.unlink(missing_ok=True)
    command = [*request.h2load(port, calls, connections, streams), ]
    command.insert(1, f"--log-file={log}")
    before = server.cpu_seconds() if server else 0.0
    done = subprocess.run(
        pinned(core, command), capture_output=True, text=True, timeout=RUN_SECONDS_MAX, stdin=subprocess.DEVNULL
    )
    spent = server.cpu_seconds() - before if server else None
    seen = read_h2load(done.stdout + done.stderr, log.read_text(), calls)
    if server:
        seen["cpu_us"] = spent / calls * 1e6
    return seen


def checked(setting, case, port, calls):
    """So many calls one after the other, each answer checked."""
    command = [str(setting.workload), "calls", *case, f"--to=127.0.0.1:{port}", f"--count={calls}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(case)}: {done.stderr}")


def open_loop(setting, case, port, rate, seconds, connections, core=None):
    """Calls at a constant rate, each answer checked; latencies from when a call was due."""
    command = [setting.workload, "open", *case, f"--to=127.0.0.1:{port}", f"--rate={rate}"]
    command += [f"--seconds={seconds}", f"--connections={connections}"]
    done = subprocess.run(pinned(core, command), capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
    if done.returncode != 0:
        failed = TooFast if "the rate is too high" in done.stderr else RuntimeError
        raise failed(f"{' '.join(case)} at {rate:.0f}/s: {done.stderr}")
    return json.loads(done.stdout)
