"""Records in a file of the spool: what is whole is found, whatever stands around it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.errors import InvalidRecord
from carewatch.gateway.frames import MARK, frame, pack, payload_of, scan, unpack
from carewatch.gateway.producer import Outgoing

PAYLOADS = st.lists(st.binary(max_size=40) | st.just(MARK) | st.just(MARK * 3), max_size=6)


@given(
    record=st.builds(
        Outgoing,
        key=st.none() | st.binary(),
        value=st.binary(),
        timestamp=st.integers(0, 2**53),
        headers=st.lists(st.tuples(st.text(max_size=9), st.binary())).map(tuple),
    )
)
def test_a_record_comes_back_as_it_was(record: Outgoing) -> None:
    assert unpack(pack("care.events", record)) == ("care.events", record)


@given(payloads=PAYLOADS)
def test_what_was_written_is_found_in_its_order(payloads: list[bytes]) -> None:
    content = b"".join(map(frame, payloads))

    found = scan(content)

    assert payloads == [payload_of(content[one.at : one.at + one.size]) for one in found.frames]
    assert (found.gaps, found.torn) == (0, 0)


@given(payloads=PAYLOADS.filter(bool), data=st.data())
def test_a_torn_end_costs_the_last_record_alone(payloads: list[bytes], data: st.DataObject) -> None:
    content = b"".join(map(frame, payloads))
    lost = data.draw(st.integers(1, len(frame(payloads[-1]))), label="bytes lost")

    found = scan(content[: len(content) - lost])

    whole = len(payloads) - 1
    assert len(found.frames) == whole
    assert found.torn == len(frame(payloads[-1])) - lost


@given(payloads=st.lists(st.binary(max_size=40), min_size=2, max_size=6), data=st.data())
def test_a_changed_byte_costs_one_record_and_shows(
    payloads: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(map(frame, payloads))
    struck = data.draw(st.integers(0, len(payloads) - 2), label="record")
    start = sum(len(frame(one)) for one in payloads[:struck])
    at = data.draw(st.integers(start, start + len(frame(payloads[struck])) - 1), label="byte")
    changed = whole[at] ^ data.draw(st.integers(1, 255), label="bits")
    content = whole[:at] + bytes([changed]) + whole[at + 1 :]

    found = scan(content)

    expected = payloads[:struck] + payloads[struck + 1 :]
    assert expected == [payload_of(content[one.at : one.at + one.size]) for one in found.frames]
    assert (found.gaps, found.torn) == (1, 0)


def test_a_frame_that_changed_is_refused() -> None:
    framed = frame(b"Where is my order?")
    for changed in (framed[:-1], framed + b"x", framed[:-1] + b"!", b""):
        with pytest.raises(InvalidRecord):
            payload_of(changed)


def test_what_was_never_packed_is_refused() -> None:
    for odd in (b"", b"\xc1", b"\x93\x01\x02\x03"):
        with pytest.raises(InvalidRecord):
            unpack(odd)
