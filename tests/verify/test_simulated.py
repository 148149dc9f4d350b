"""Realistic traffic, with gaps in the ticks as a worker leaves them that was away: one verdict."""

from random import Random

import pytest

from carewatch.domain.times import parse_time
from carewatch.local import demo_config
from carewatch.processors.base import Output
from carewatch.processors.replay import Replay
from carewatch.rulebooks.folder import read_rulebook
from carewatch.simulate.doors import SAMPLE_DOORS
from carewatch.simulate.story import Promise
from carewatch.simulate.traffic import Plan, Traffic
from carewatch.verify.oracle import Oracle
from carewatch.verify.verdict import judge
from carewatch.wire.envelope import decode_envelope
from carewatch.wire.rulebooks import encode_document, encode_publication
from support.replays import BEGINNING
from support.simulated import SAMPLE_SETTINGS, receive_all
from support.standing import read

START = 1_767_607_200_000
SECOND = 1000
GAPS = (2, 5, 9, 20)


def traffic(seed: int) -> Traffic:
    return Traffic(
        Plan(
            seed=seed,
            start_ms=START,
            stop_ms=START + 60 * SECOND,
            rate=25,
            promise=Promise(policy=demo_config.POLICY, first_reply_ms=8000, next_reply_ms=8000),
            doors=SAMPLE_DOORS,
        )
    )


@pytest.mark.parametrize("seed", [1, 4])
async def test_the_oracle_agrees_with_a_replay_of_simulated_traffic(seed: int) -> None:
    received = await receive_all(traffic(seed), SAMPLE_SETTINGS)
    written: list[Output] = []
    replay, oracle = Replay(written.append), Oracle(derive=True)
    rulebook = encode_publication(
        number=1,
        canonical=encode_document(read_rulebook(demo_config.FOLDER)),
        effective_at=BEGINNING,
        recorded_at=BEGINNING,
    )
    replay.everywhere(rulebook)
    oracle.take(0, rulebook)
    dice, told, silent_until = Random(seed), 0, 0
    for event in received.events:
        recorded = parse_time(decode_envelope(event.value).recordedtime)
        second = recorded - recorded % SECOND
        if second > max(told, silent_until):
            replay.tick(second)
            oracle.tick(0, second)
            told = second
            if dice.random() < 0.1:
                silent_until = second + dice.choice(GAPS) * SECOND
        replay.recorded(0, event.key, event.value)
        oracle.take(0, event.value)
    for second in range(told + SECOND, told + 40 * SECOND, SECOND):
        replay.tick(second)
        oracle.tick(0, second)

    report = judge(oracle, read(written))

    assert [str(one) for one in report.differences] == []
    assert report.compared["care.metrics"] > 2000
