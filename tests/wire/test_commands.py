"""Operators' orders: what is written is read again, and nonsense is refused with a reason."""

import json
from pathlib import Path

import pytest

from carewatch.domain.errors import InvalidRecord
from carewatch.wire.commands import (
    Accept,
    Order,
    Pause,
    Redrive,
    Release,
    Resume,
    decode_command,
    encode_command,
)

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples" / "care.commands" / "1"
ORDERS: dict[str, Order] = {
    "accept": Accept(by="on-call", stage="track", partition=3, marker=4711),
    "pause": Pause(by="on-call", stage="merge", partition=1),
    "redrive": Redrive(by="on-call", partition=0, from_offset=100, until_offset=120),
    "release": Release(by="on-call", stage="track", partition=3, until_offset=4800),
    "resume": Resume(by="on-call", stage="merge", partition=1),
}


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.json")))
def test_every_example_is_read_and_written_as_it_stands(name: str) -> None:
    text = (EXAMPLES / f"{name}.json").read_bytes()

    command = decode_command(text)
    written = encode_command(command.order, id_=command.id, at=1_767_607_200_000)

    assert command.order == ORDERS[name]
    assert json.loads(written) == json.loads(text)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no_value"),
        (b"{]", "not_json"),
        (b"[]", "schema"),
        (b'{"specversion":"1.0"}', "schema"),
        (
            encode_command(ORDERS["pause"], id_="a", at=0).replace(b".pause", b".dance"),
            "unknown_type",
        ),
        (
            encode_command(ORDERS["pause"], id_="a", at=0).replace(b'"by":"on-call"', b'"by":7'),
            "schema",
        ),
    ],
)
def test_what_is_no_order_is_refused(value: bytes | None, reason: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        decode_command(value)

    assert caught.value.reason == reason
