"""Protobuf written by hand, so that a test can break each of its rules."""

import struct

VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32 = range(6)


def varint(value, width=0):
    """A varint; with `width`, padded with redundant bytes to so many."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    while len(out) < width:
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)


def key(number, wire, width=0):
    """A field's key."""
    return varint(number << 3 | wire, width)


def field(number, content, width=0):
    """A length-delimited field: a string, bytes, or a message's bytes."""
    content = content.encode() if isinstance(content, str) else content
    return key(number, BYTES, width) + varint(len(content), width) + content


def nested(inner, depth, *wraps):
    """`inner`, so many times inside these fields, the innermost first: (number, what stands before it in its parent)."""
    heads, length = [], len(inner)
    for _ in range(depth):
        for field_number, before in wraps:
            heads.append(before + key(field_number, BYTES) + varint(length))
            length += len(heads[-1])
    return b"".join(reversed(heads)) + inner


def number(field_number, value, width=0):
    """A varint field."""
    return key(field_number, VARINT, width) + varint(value, width)


def floats(values):
    """Packed floats."""
    return struct.pack(f"<{len(values)}f", *values)


def unpacked(field_number, values):
    """Floats, each a field of its own."""
    return b"".join(key(field_number, FIXED32) + struct.pack("<f", value) for value in values)


# QueryPoints, PrefetchQuery, Query, VectorInput: the fields that these tests write.
def nearest(values):
    """A Query that ranks by a dense vector."""
    return field(1, field(2, field(1, floats(values))))


def query_points(collection, query, using=None, *more):
    """QueryPoints with limit 5."""
    named = field(4, using) if using else b""
    return field(1, collection) + field(3, query) + named + number(8, 5) + b"".join(more)


def prefetch(query, using=None, inner=b""):
    """A PrefetchQuery inside its parent (field 2 of QueryPoints)."""
    return field(2, inner + field(2, query) + (field(3, using) if using else b""))


def vector(values):
    """Vector with the dense member of its oneof."""
    return field(101, field(1, floats(values)))


def point(number_id, vectors, payload=b""):
    """A PointStruct inside UpsertPoints (field 3). `vectors` is a Vectors message."""
    return field(3, field(1, number(1, number_id)) + payload + field(4, vectors))


def upsert(collection, *points):
    """UpsertPoints, awaited."""
    return field(1, collection) + number(2, 1) + b"".join(points)
