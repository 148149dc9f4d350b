"""Rows of conversations: what is kept of them unread, and what their heads say."""

import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.contributions import Held
from carewatch.domain.errors import InvalidRecord
from carewatch.domain.ledger import new_memory
from carewatch.processors import conversation_rows as rows
from carewatch.processors import packing
from carewatch.wire.rows import BODY, seal

LABELS = ("acme", "web", "none", "normal")
KEY = ("acme", "c1")


@given(st.binary(max_size=20_000))
def test_what_was_packed_is_unpacked(body: bytes) -> None:
    assert packing.unpack(packing.pack(body)) == body


def test_threads_pack_beside_each_other() -> None:
    """A partition is restored in a thread while another works."""
    bodies = [bytes((number,)) * 100_000 for number in range(50)]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(packing.unpack, threads.map(packing.pack, bodies))) == bodies


def test_the_dictionary_does_not_change_by_accident() -> None:
    """A row can only be read by the dictionary that it was written by."""
    assert zlib.crc32(packing.dictionary()) == 733257110


def test_a_row_that_was_packed_otherwise_is_refused() -> None:
    """Its form differs, so it is tried before it is trusted."""
    packed_by_an_older_program = seal(b"form\0" + zlib.compress(b"a conversation"))

    with pytest.raises(InvalidRecord, match="a conversation: "):
        rows.trust(packed_by_an_older_program)


def test_a_conversation_that_rests_keeps_what_goes_by_time_in_its_head() -> None:
    gauges = (
        Held("waiting_conversations", LABELS),
        Held("oldest_open", LABELS, 7),
        Held("next_due", LABELS, 99, ("standard", "first_reply")),
    )
    row = rows.write(new_memory(*KEY), timer=5, book=3, gauges=gauges, beside=False)
    rows.trust(row)
    head = rows.read_head(row)

    assert rows.is_live(row)
    assert (head.timer, head.book, head.instants) == (5, 3, [7, 99])
    assert rows.read_shape(head.shape) == [
        ("oldest_open", LABELS, ()),
        ("next_due", LABELS, ("standard", "first_reply")),
    ]
    assert rows.read(KEY, row) == new_memory(*KEY)


def test_a_conversation_that_is_over_expects_nothing() -> None:
    row = rows.write(new_memory(*KEY), timer=None, book=3, gauges=(), beside=False)

    assert not rows.is_live(row)
    assert rows.read_shape(rows.read_head(row).shape) == []


def test_a_head_may_be_of_any_length() -> None:
    gauges = [Held("next_due", LABELS, at + 1, ("p" * 50, str(at))) for at in range(200)]
    row = rows.write(new_memory(*KEY), timer=None, book=0, gauges=gauges, beside=False)

    assert len(rows.read_shape(rows.read_head(row).shape)) == 200
    assert rows.read(KEY, row) == new_memory(*KEY)


def test_a_row_of_this_form_is_trusted_by_its_seal_and_any_other_is_read() -> None:
    row = rows.write(new_memory(*KEY), timer=None, book=0, gauges=(), beside=False)
    rest = row[BODY + 4 :]
    rows.trust(seal(bytes(4) + rest))

    with pytest.raises(InvalidRecord, match="row_version"):
        rows.trust(seal(bytes(4) + rest[:-5]))
    with pytest.raises(InvalidRecord, match="row_version"):
        rows.trust(seal(bytes(4) + b"\xff" * len(rest)))
    with pytest.raises(InvalidRecord, match="row_checksum"):
        rows.trust(row[:-1] + bytes((row[-1] ^ 1,)))


def test_a_row_is_known_by_its_key() -> None:
    assert rows.read_key(rows.row_key(KEY)) == KEY
    assert rows.is_row_key(rows.row_key(KEY))
    assert not rows.is_row_key(b"marker")
