"""The second driver: what it leaves out would only have said the time."""

from hypothesis import given

from carewatch.domain.times import parse_time
from carewatch.processors.base import Output
from carewatch.processors.replay import SECOND_MS, Replay
from carewatch.wire import partials, topics
from support.envelopes import START, Event, encode, histories
from support.properties import examples
from support.replays import POLICY, publication

END = START + 1_200_000


def said(
    events: list[Event], *, every_second: bool
) -> list[tuple[str, bytes | None, bytes | None]]:
    """What is written but for the clocks, with each tick given by hand or made by the driver."""
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
    return [
        (one.topic, one.key, one.value)
        for one in written
        if one.topic != topics.PARTIALS
        and not partials.is_clock_key(one.key)
        and (one.key is None or (b"|watermark|" not in one.key and b"|heartbeat|" not in one.key))
    ]


@given(events=histories(most=6))
@examples(10)
def test_seconds_in_which_nothing_is_due_change_nothing(events: list[Event]) -> None:
    assert said(events, every_second=False) == said(events, every_second=True)
