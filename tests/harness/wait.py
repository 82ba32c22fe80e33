"""Waiting with a bound: the suites never wait for time to pass, only for something to become true."""

import threading
import time

_never = threading.Event()


class Late(AssertionError):
    """What was awaited did not come in time."""


def until(condition, what, seconds=60.0, every=0.05):
    """Returns the first truthy `condition()`, asked every `every` seconds; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Late(f"within {seconds} s it was not true that {what}; last seen: {found!r}")
        _never.wait(every)


def let_run(seconds):
    """Lets traffic run, or a fault fall, for a drawn time: part of an experiment, never a way to await a result."""
    _never.wait(seconds)
