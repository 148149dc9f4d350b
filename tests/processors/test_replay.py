"""The second driver: what it leaves out would only have said the time."""

import re

from hypothesis import given

from carewatch.domain.times import parse_time
from carewatch.processors.base import Output
from carewatch.processors.replay import SECOND_MS, Replay
from carewatch.wire import partials, topics
from support.envelopes import START, Event, encode, histories
from support.properties import examples
from support.replays import POLICY, publication

END = START + 1_200_000
CLOCKS = re.compile(rb"\|(watermark|heartbeat)\|")


def said(
    events: list[Event], *, every_second: bool
) -> dict[tuple[str, bytes | None], list[bytes | None]]:
    """What is written under each key, in its order, but for the clocks; each tick is given by hand
    or made by the driver. In which order a minute's rolling windows and its gauges go out depends
    on whose clock passes it first."""
    written: list[Output] = []
    driver = Replay(written.append)
    driver.everywhere(publication(POLICY))
    clock = START - SECOND_MS
    for at, one in [*((parse_time(e["recordedtime"]), e) for e in events), (END, None)]:
        if every_second:
            while clock + SECOND_MS <= at:
                clock += SECOND_MS
                driver.tick(clock)
        else:
            driver.ticks_until(at)
        if one is not None:
            driver.event(one["partitionkey"], encode(one))
    found: dict[tuple[str, bytes | None], list[bytes | None]] = {}
    for output in written:
        if (
            output.topic != topics.PARTIALS
            and not partials.is_clock_key(output.key)
            and (output.key is None or not CLOCKS.search(output.key))
        ):
            found.setdefault((output.topic, output.key), []).append(output.value)
    return found


@given(events=histories(most=6))
@examples(10)
def test_seconds_in_which_nothing_is_due_change_nothing(events: list[Event]) -> None:
    assert said(events, every_second=False) == said(events, every_second=True)
