"""Bytes that are no text at all are refused by every decoder as what cannot be understood."""

import msgspec
import pytest

from fuzz.targets import TARGETS

NO_UTF8 = {
    "json": b'{"specversion":"\xd8\xd8","type":"care.tick"}',
    "msgpack": b"\x98\x02\xff\xbe" + msgspec.msgpack.encode(b"\xbe" * 40).replace(b"\xc4", b"\xd9"),
    "nested": b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("body", NO_UTF8.values(), ids=NO_UTF8)
@pytest.mark.parametrize("target", [name for name in TARGETS if name.startswith("decode-")])
def test_what_is_no_text_is_refused_like_anything_else(target: str, body: bytes) -> None:
    """The decoder raises nothing but InvalidRecord, which its target lets pass."""
    TARGETS[target].check(body)


def test_the_bytes_are_indeed_no_text() -> None:
    with pytest.raises(UnicodeDecodeError):
        msgspec.json.decode(NO_UTF8["json"])
