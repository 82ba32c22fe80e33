"""Unary gRPC calls whose frames a test writes itself, over HTTP/2."""

import socket
import struct
from dataclasses import dataclass
from urllib.parse import unquote

import h2.config
import h2.connection
import h2.events

SECONDS = 30


def frame(message, compressed=0):
    """A message with its five bytes before it."""
    return struct.pack(">BI", compressed, len(message)) + message


@dataclass
class Answer:
    """What came back."""

    http_status: int
    code: int
    message: str
    headers: dict
    body: bytes

    @property
    def reason(self):
        """Interlock's reason."""
        return self.headers.get("interlock-reason")


def call(target, path, body, headers=None):
    """Sends `body` as it is and reads the whole answer."""
    host, port = target.split(":")
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
    with socket.create_connection((host, int(port)), timeout=SECONDS) as wire:
        connection.initiate_connection()
        stream = connection.get_next_available_stream_id()
        fields = {
            ":method": "POST", ":scheme": "http", ":authority": target, ":path": path, "te": "trailers",
            "content-type": "application/grpc", **(headers or {}),
        }
        connection.send_headers(stream, list(fields.items()))
        wire.sendall(connection.data_to_send())
        return _exchange(connection, wire, stream, body)


def _exchange(connection, wire, stream, body):
    seen, received, sent, ended = {}, b"", 0, False
    while not ended:
        while sent is not None:
            room = min(connection.local_flow_control_window(stream), connection.max_outbound_frame_size)
            if sent < len(body) and room == 0:
                break
            piece = body[sent : sent + room]
            sent += len(piece)
            is_last = sent >= len(body)
            connection.send_data(stream, piece, end_stream=is_last)
            sent = None if is_last else sent
        wire.sendall(connection.data_to_send())
        data = wire.recv(1 << 16)
        assert data, "the connection was closed without an answer"
        for event in connection.receive_data(data):
            if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                seen.update(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                received += event.data
                connection.acknowledge_received_data(event.flow_controlled_length, stream)
            elif isinstance(event, h2.events.StreamReset):
                # After a whole answer it only says that the rest of the request is not wanted.
                assert "grpc-status" in seen, f"the stream was reset with {event.error_code}"
                ended = True
            elif isinstance(event, h2.events.StreamEnded):
                ended = True
        if ended:
            break
    wire.sendall(connection.data_to_send())
    code = int(seen.get("grpc-status", -1))
    return Answer(int(seen[":status"]), code, unquote(seen.get("grpc-message", "")), seen, received)
