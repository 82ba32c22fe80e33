"""Official clients, set up for tests. `Document` is passed on as it is: Interlock embeds it, not the client."""

import warnings

import httpx
from qdrant_client import QdrantClient

TIMEOUT_SECONDS = 60


def official(address, grpc=False, headers=None):
    """The official Python client over REST or gRPC."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return QdrantClient(
            url=address.rest,
            grpc_port=address.grpc_port,
            prefer_grpc=grpc,
            timeout=TIMEOUT_SECONDS,
            cloud_inference=True,
            check_compatibility=False,
            headers=headers,
            # Its default for loopback is a new connection a call; a service keeps them.
            limits=httpx.Limits(max_connections=8, max_keepalive_connections=8),
        )
