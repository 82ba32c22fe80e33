"""Protobuf fields written by hand: what no message class would let a test say."""


def varint(value):
    """Seven bits a byte, the least first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def varint_field(number, value):
    """A number."""
    return varint(number << 3) + varint(value)


def text_field(number, content):
    """Bytes, a text or a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content
