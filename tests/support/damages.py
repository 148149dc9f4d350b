"""Records that nobody can understand and rows that nobody can trust, named after their damage."""

from typing import NamedTuple

import msgspec
import orjson

from carewatch.wire import partials
from carewatch.wire.events import LARGEST_EVENT
from carewatch.wire.partials import ClockRecord, Partial, Series
from carewatch.wire.rows import MARKER_KEY, seal
from support.envelopes import START, message

PARTITIONS = 2
CROWD = b"c1"
"""The conversation that all of it is written around."""

TRACKED, MERGED = "care.state.track", "care.state.merge"


class Damage(NamedTuple):
    """A record that nobody can understand, and what it is to be called."""

    key: bytes | None
    value: bytes | None
    reason: str


def spoilt(**changes: object) -> bytes:
    return orjson.dumps(message(0, id_="bad") | changes)


GOOD = spoilt()

EVENTS: dict[str, Damage] = {
    "truncated": Damage(CROWD, GOOD[: len(GOOD) // 2], "not_json"),
    "no JSON": Damage(CROWD, b"\x00\xff\xfe", "not_json"),
    "empty": Damage(CROWD, b"", "not_json"),
    "nothing": Damage(CROWD, None, "no_value"),
    "nested too deeply": Damage(CROWD, b'{"data":' * 8_000, "not_json"),
    "no number": Damage(CROWD, GOOD.replace(b'"data":', b'"more":NaN,"data":'), "not_json"),
    "a list": Damage(CROWD, b"[1,2]", "schema"),
    "a number for a text": Damage(CROWD, spoilt(id=7), "schema"),
    "a text for a section": Damage(CROWD, spoilt(data="hello"), "schema"),
    "an unknown type": Damage(CROWD, spoilt(type="care.unheard_of"), "unknown_type"),
    "an unknown version": Damage(CROWD, spoilt(dataschema="care-event/2.0"), "version"),
    "an unknown envelope": Damage(CROWD, spoilt(specversion="2.0"), "version"),
    "no time": Damage(CROWD, spoilt(time="yesterday"), "time"),
    "another key": Damage(b"c2", GOOD, "wrong_key"),
    "no key": Damage(None, GOOD, "no_key"),
    "oversized": Damage(CROWD, spoilt(more="x" * LARGEST_EVENT), "too_large"),
    "as large as the topic takes": Damage(CROWD, b"x" * 4_000_000, "too_large"),
    "a tick without a time": Damage(None, b'{"type":"care.tick"}', "schema"),
}  # fmt: skip
"""Into `care.events`."""

SERIES = Series("messages", ("acme", "whatsapp", "none", "normal", "inbound", "customer"))
CLOCK = ClockRecord(1, "track", 0, PARTITIONS, 1, START, START)


def pane(**changes: object) -> Damage:
    """A snapshot that is wrong in one thing; its key says the same."""
    right = Partial(1, SERIES, "total", None, "track", 0, 1, msgspec.Raw(b"\x92\x01\x01"))
    wrong = msgspec.structs.replace(right, **changes)
    return Damage(partials.partial_key(wrong), partials.encode(wrong), "schema")


PANES: dict[str, Damage] = {
    "truncated": pane()._replace(value=(pane().value or b"")[:-4]),
    "no MessagePack": Damage(b"k", b"\xc1\xc1", "schema"),
    "nothing": Damage(b"k", None, "no_value"),
    "no key": pane()._replace(key=None, reason="no_key"),
    "an unknown version": pane(version=9)._replace(reason="version"),
    "an unknown metric": pane(series=Series("mood", SERIES.labels))._replace(
        reason="unknown_metric"
    ),
    "labels that are missing": pane(series=Series("messages", ("acme",))),
    "a window that the metric has not": pane(window="fortnight"),
    "a text for a count": pane(body=msgspec.Raw(b"\xa1x")),
    "oversized": pane(body=msgspec.Raw(msgspec.msgpack.encode("x" * 900_000))),
    "another key": pane()._replace(key=b"k", reason="wrong_key"),
    "a clock of an unknown version": Damage(
        partials.clock_key(CLOCK),
        partials.encode(msgspec.structs.replace(CLOCK, version=9)),
        "version",
    ),
    "a clock of nobody": Damage(
        partials.clock_key(CLOCK),
        partials.encode(msgspec.structs.replace(CLOCK, stage="x")),
        "schema",
    ),
}
"""Into `care.partials`."""


class Row(NamedTuple):
    """A row of a changelog that is damaged, and what is to be said of it."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    told: str


def damaged_rows(
    tracked: dict[bytes, bytes], merged: dict[bytes, bytes], home: int
) -> dict[str, Row]:
    """Damage to rows as they stand in the changelogs; `home` is the partition of `tracked`."""

    def is_of(kind: str, key: bytes) -> bool:
        return key != MARKER_KEY and msgspec.msgpack.decode(key)[0] == kind

    case = next(key for key in tracked if is_of("conversation", key))
    body, marker = tracked[case], tracked[MARKER_KEY]
    shown = next(key for key in merged if key != MARKER_KEY)
    stranger = msgspec.msgpack.encode(("martian", 1))
    track, merge = (TRACKED, home), (MERGED, 0)
    return {
        "truncated": Row(*track, case, body[:-3], "row_checksum"),
        "a flipped bit": Row(*track, case, body[:-1] + bytes((body[-1] ^ 1,)), "row_checksum"),
        "an unknown version": Row(*track, case, b"\x09" + body[1:], "row_version"),
        "no row at all": Row(*track, case, b"{}", "row_version"),
        "another kind": Row(*track, stranger, seal(b"x"), "martian"),
        "no MessagePack for a key": Row(*track, b"\xc1", seal(b"x"), "cannot be trusted"),
        "another body": Row(*track, case, seal(b"\xa5hello"), "cannot be trusted"),
        "oversized": Row(*track, case, b"\x01" + b"x" * 4_000_000, "row_checksum"),
        "a marker of another shape": Row(*track, MARKER_KEY, seal(b"\xa5hello"), "marker"),
        "a truncated marker": Row(*track, MARKER_KEY, marker[:-2], "marker"),
        "a truncated pane": Row(*merge, shown, merged[shown][:-1], "row_checksum"),
    }
