"""The official asynchronous Python client, unmodified: a few calls at once, with a migration open."""

import asyncio

import pytest
from qdrant_client import AsyncQdrantClient, models

from clients.calls.data import CITIES, DIMENSION, QUERY, create, match
from harness.clients import official
from harness.compare import differences, plain
from harness.embedder import Embedder
from harness.models import SeededModel

OLD, NEW = SeededModel("old", DIMENSION), SeededModel("new", DIMENSION + 2)


def client_of(address, grpc):
    """Over REST or gRPC."""
    return AsyncQdrantClient(url=address.rest, grpc_port=address.grpc_port, prefer_grpc=grpc, timeout=60, check_compatibility=False)


async def answers(address, grpc, name, vector):
    """Writes one after the other, reads all at once."""
    client = client_of(address, grpc)
    using = {"using": vector} if vector else {}
    given = lambda values: {vector: values} if vector else values
    points = [models.PointStruct(id=number, vector=given(values), payload=payload) for number, (values, payload) in CITIES.items()]
    try:
        said = [await client.upsert(name, points, wait=True)]
        said.append(await client.set_payload(name, {"seen": True}, points=[1, 2], wait=True))
        said += await asyncio.gather(
            client.query_points(name, query=QUERY, with_vectors=True, **using),
            client.query_points(name, query=1, query_filter=match("capital", True), **using),
            client.query_batch_points(name, [models.QueryRequest(query=QUERY, limit=2, **using)] * 3),
            client.query_points_groups(name, group_by="city", query=QUERY, group_size=1, **using),
            client.scroll(name, limit=20, with_vectors=True),
            client.retrieve(name, [1, 4711], with_vectors=True),
            client.count(name, exact=True),
            client.get_collection(name),
            client.collection_exists(name),
        )
        said.append(await client.delete(name, points_selector=[1], wait=True))
        said.append(await client.scroll(name, limit=20))
        return plain(said)
    finally:
        await client.close()


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
@pytest.mark.parametrize("vector", ["", "title"], ids=["unnamed", "named"])
def test_the_asynchronous_client_gets_what_it_gets_directly(world, vector, protocol):
    """The same calls, the same answers, those of one moment included."""
    interlock, direct, name = world.interlock(), world.name("direct"), world.name("through")
    with Embedder({model.name: model.vector for model in (OLD, NEW)}) as embedder, interlock:
        for address, collection in ((world.direct, direct), (interlock.address, name)):
            client = official(address)
            create(client, collection, vector)
            client.close()
        for model in (OLD, NEW):
            interlock.cli(*embedder.model_flags(model.name, model.dimension))
        interlock.cli("adopt", name, f"--vector={vector}", "--opaque=words", "--model", "old", "--source", "{text}")
        interlock.cli("migrate", "start", f"{name}/{vector}" if vector else name, "--to", "new")
        expected = asyncio.run(answers(world.direct, protocol == "grpc", direct, vector))
        found = asyncio.run(answers(interlock.address, protocol == "grpc", name, vector))
    said = differences(expected, found)
    assert not said, "\n".join(said)
