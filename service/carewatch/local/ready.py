"""Asks a broker for its metadata with one plain Kafka request, without a client library.

A blocking question of one socket: it can be asked from any thread, whether or not an event loop
is running. Protocol: https://kafka.apache.org/protocol (Metadata, request version 4).
"""

import socket
import struct

_METADATA, _VERSION, _CORRELATION = 3, 4, 7
_CLIENT = b"carewatch-ready"


def known_brokers(host: str, port: int, *, timeout_s: float) -> int:
    """How many live brokers the metadata names: 0 while the node is not yet a broker.

    Raises OSError when nobody answers in time.
    """
    request = struct.pack(">hhih", _METADATA, _VERSION, _CORRELATION, len(_CLIENT)) + _CLIENT
    request += struct.pack(">ib", 0, 0)  # no topics, and none is to be created
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", _read(connection, 4))
        answer = _read(connection, size)
    correlation, _throttled_ms, brokers = struct.unpack_from(">iii", answer)
    if correlation != _CORRELATION:
        raise ConnectionError(f"{host}:{port} does not speak Kafka's protocol")
    return int(brokers)


def _read(connection: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise ConnectionError("the connection was closed in mid-answer")
        parts += part
    return parts
