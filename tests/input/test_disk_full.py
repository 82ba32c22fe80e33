"""The disk is full under the store: commands say so, traffic goes on, and what was acknowledged is there afterwards."""

import errno
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from qdrant_client import models

from harness.clients import official
from harness.models import SeededModel
from harness.process import CliError, Interlock

OLD = SeededModel("old", 6)
SIZE_KIB = 16 * 1024
COMMANDS_MAX = 600


def namespace():
    """How a process gets a mount of its own here: as root, or as a user in a user namespace."""
    for prefix in (["unshare", "-m"], ["unshare", "-Urm"]):
        if subprocess.run([*prefix, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode == 0:
            return prefix
    raise AssertionError("a small file system can be mounted neither as root nor in a user namespace: allow one of them")


class OnTinyDisk(Interlock):
    """Its data directory is a small tmpfs that only its own mount namespace sees; from outside through /proc."""

    def command(self):
        self.data.mkdir(exist_ok=True)
        mount = f"mount -t tmpfs -o size={SIZE_KIB}k none {shlex.quote(str(self.data))}"
        return [*namespace(), "sh", "-c", f'{mount} && exec "$@"', "sh", *super().command()]

    def seen_from_outside(self):
        """The data directory as the process sees it."""
        return Path(f"/proc/{self.process.pid}/root{self.data}")


def fill_up(folder):
    """Leaves no block free."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError as full:
            assert full.errno == errno.ENOSPC, full
    assert os.statvfs(folder).f_bavail == 0
    return filler


def add(interlock, name):
    """Registers a model that no endpoint makes."""
    return interlock.cli("model", "add", name, "--dim=6", "--embedder=none")


def add_until_refused(interlock, acknowledged):
    """Registers models until one is refused; each of the others is acknowledged."""
    for number in range(COMMANDS_MAX):
        name = f"m{number}-{'x' * 60}@1"
        try:
            add(interlock, name)
        except CliError as refused:
            return name, refused
        acknowledged.add(name)
    raise AssertionError(f"{COMMANDS_MAX} commands were acknowledged on a full disk")


def listed(interlock):
    """The registered models."""
    return {row["model"]["id"] for row in interlock.cli("model", "list")["models"]}


def test_a_full_disk_refuses_commands_and_loses_nothing(world):
    name = world.name("disk")
    with OnTinyDisk(world.folder / "tiny", upstream=world.direct) as interlock:
        world.interlocks.append(interlock)
        client = official(interlock.address)
        client.create_collection(name, models.VectorParams(size=OLD.dimension, distance=models.Distance.COSINE))
        acknowledged = {"old@1"}
        add(interlock, "old")
        interlock.cli("adopt", name, "--model", "old")
        filler = fill_up(interlock.seen_from_outside())
        refused_name, refused = add_until_refused(interlock, acknowledged)
        assert refused.code == 1, refused
        error = refused.document["error"]
        assert error["message"] and error["kind"] in ("unavailable", "internal"), refused.document
        assert listed(interlock) == acknowledged, "the table holds what was not stored, or lacks what was"
        # Traffic needs no store.
        points = [models.PointStruct(id=1, vector=OLD.vector("one"), payload={"text": "one"})]
        client.upsert(name, points, wait=True)
        assert client.query_points(name, query=OLD.vector("one")).points[0].id == 1
        client.close()
        filler.unlink()
        again = Interlock(world.folder / "again", upstream=world.direct)
        world.interlocks.append(again)
        inside = interlock.seen_from_outside()
        os.kill(interlock.process.pid, 19)  # SIGSTOP: its files stand still while they are copied
        shutil.copytree(inside, again.data)
        interlock.kill()
        with again:
            assert listed(again) in (acknowledged, acknowledged | {refused_name})
            add(again, refused_name)
            assert listed(again) == acknowledged | {refused_name}
            fields = again.cli("status")["collections"][0]["fields"]
            assert len(fields) == 1, fields
