"""A history gives back what it was given, and unpacks no more than it must."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.events import Author, Event, Message, Stated
from carewatch.domain.history import BLOCK, History

EVENTS = st.builds(
    Stated,
    at=st.integers(0, 10**13),
    id=st.text(max_size=8),
    recorded=st.integers(0, 10**13),
    channel=st.sampled_from(["web", "email"]),
    account=st.sampled_from(["a1", ""]),
    role=st.sampled_from([None, "helpdesk"]),
    customer=st.none() | st.text(max_size=8),
)


def message(number: int, **changes: Any) -> Event:
    one = Message(
        at=1_767_600_000_000 + number,
        id=f"e_{number:024}",
        recorded=1_767_600_000_100 + number,
        channel="web",
        account="web-1",
        customer=f"u_{7:024}",
        key=f"m_{number:024}",
        author=Author.CUSTOMER,
        direction="inbound",
    )
    return msgspec.structs.replace(one, **changes)


@given(st.lists(EVENTS, max_size=3 * BLOCK), st.data())
def test_it_gives_back_what_it_was_given(events: list[Event], data: st.DataObject) -> None:
    kept = History()
    for event in events:
        kept.append(event)

    assert events == list(kept)
    assert events == list(msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=History))
    gone = data.draw(st.integers(0, len(events)))
    kept.drop(gone)
    assert events[gone:] == list(kept)
    assert len(events) - gone == len(kept)


@given(st.lists(EVENTS, min_size=1, max_size=3 * BLOCK), st.data())
def test_who_looks_for_a_text_finds_every_event_that_says_it(
    events: list[Event], data: st.DataObject
) -> None:
    kept = History()
    kept.become(events)
    wanted = data.draw(st.sampled_from(events)).id

    found = [event for event in kept.naming(wanted) if event.id == wanted]

    assert [event for event in reversed(events) if event.id == wanted] == found


def test_a_full_block_stays_as_it_is() -> None:
    kept, blocks = History(), list[bytes]()
    for number in range(5 * BLOCK):
        kept.append(message(number))
        assert all(one is other for one, other in zip(blocks, kept.blocks, strict=False))
        blocks = kept.blocks

    kept.become([*kept, message(5 * BLOCK)])
    assert blocks == kept.blocks


def test_the_longest_history_stays_below_64_kib() -> None:
    kept = History()
    for number in range(512 + 2 * BLOCK):
        kept.append(message(number))

    assert len(msgspec.msgpack.encode(kept)) < 65_536


@pytest.mark.parametrize("length", [2 * BLOCK, 30 * BLOCK])
def test_who_looks_for_an_event_unpacks_one_block_of_however_many(length: int) -> None:
    kept = History()
    for number in range(length):
        kept.append(message(number))

    assert len(list(kept.naming(f"m_{3:024}"))) == BLOCK
