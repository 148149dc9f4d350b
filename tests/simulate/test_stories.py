"""What a story says must be counted, against figures worked out by hand."""

from random import Random

import pytest

from carewatch.simulate import stories
from carewatch.simulate.doors import SAMPLE_DOORS
from carewatch.simulate.stories import PLOTS, Plot
from carewatch.simulate.story import Promise, Setting, Story
from carewatch.simulate.tally import DISTRIBUTIONS

PROMISE = Promise(policy="p", first_reply_ms=10_000, next_reply_ms=12_000)
WEB = Setting(door=SAMPLE_DOORS[0], channel="web", resolution_ms=1)
MAIL = Setting(door=SAMPLE_DOORS[1], channel="email", resolution_ms=1000)


class Shortest(Random):
    """Dice that always take the least length and the first choice, and never the rare thing."""

    def randint(self, a: int, b: int) -> int:
        return a

    def choice(self, seq):  # type: ignore[no-untyped-def]
        return seq[0]

    def random(self) -> float:
        return 0.99

    def randrange(self, start: int, *_: int) -> int:  # type: ignore[override]
        return start

    def sample(self, population, k, **_):  # type: ignore[no-untyped-def]
        return list(population)[:k]


def told(tell, setting: Setting = WEB) -> dict[str, tuple[int, int]]:  # type: ignore[no-untyped-def]
    """The story's tally as `metric/label values -> (count, sum_ms)`."""
    story = Story(setting, number=7, start_ms=1_000_000, dice=Shortest(1), promise=PROMISE)
    tell(story)
    return {
        "/".join((series.metric, *(value for _, value in series.labels))): (sum_.count, sum_.sum_ms)
        for series, sum_ in story.tally
    }


def test_answered_in_time() -> None:
    assert told(stories.answered_in_time) == {
        "conversations/opened": (1, 0),
        "first_response_time": (1, 2500),
        "first_response_time_any": (1, 2500),
        "messages/agent/outbound": (1, 0),
        "messages/customer/inbound": (1, 0),
        "queue_wait_time/answered": (1, 2500),
        "reply_time": (1, 2500),
        "sla_evaluations/p/first_reply": (1, 0),
    }


def test_answered_late() -> None:
    """1.3 times the greater promise of 12 s: 15.6 s, beyond the 10 s of a first reply."""
    assert told(stories.answered_late) == {
        "conversations/opened": (1, 0),
        "first_response_time": (1, 15_600),
        "first_response_time_any": (1, 15_600),
        "messages/agent/outbound": (1, 0),
        "messages/customer/inbound": (1, 0),
        "queue_wait_time/answered": (1, 15_600),
        "reply_time": (1, 15_600),
        "sla_breaches/p/first_reply": (1, 0),
        "sla_evaluations/p/first_reply": (1, 0),
    }


def test_unanswered_is_a_breach_without_a_sample() -> None:
    assert told(stories.unanswered) == {
        "conversations/opened": (1, 0),
        "messages/customer/inbound": (1, 0),
        "sla_breaches/p/first_reply": (1, 0),
        "sla_evaluations/p/first_reply": (1, 0),
    }


def test_bot_then_person() -> None:
    """Asked 0, bot 1001, handed off 2002, person 4502 (each a least pause later)."""
    assert told(stories.bot_then_person) == {
        "conversations/opened": (1, 0),
        "first_response_time": (1, 4502),
        "first_response_time_any": (1, 1001),
        "messages/agent/outbound": (1, 0),
        "messages/bot/outbound": (1, 0),
        "messages/customer/inbound": (1, 0),
        "queue_wait_time/answered": (1, 2500),
        "reply_time": (1, 4502),
        "sla_evaluations/p/first_reply": (1, 0),
    }


def test_reopened_on_whole_seconds() -> None:
    """Asked 0, answered 3, resolved 5, asked again 10, answered 13, resolved 15 seconds."""
    assert told(stories.reopened, MAIL) == {
        "conversations/opened": (1, 0),
        "conversations/reopened": (1, 0),
        "conversations/resolved": (2, 0),
        "first_response_time": (1, 3000),
        "first_response_time_any": (1, 3000),
        "messages/agent/outbound": (2, 0),
        "messages/customer/inbound": (2, 0),
        "queue_wait_time/answered": (2, 6000),
        "reply_time": (2, 6000),
        "sla_evaluations/p/first_reply": (1, 0),
        "sla_evaluations/p/next_reply": (1, 0),
    }


def test_transferred_is_two_stays() -> None:
    """Asked 0, first team 1001, second team 2002, answered 4502."""
    tally = told(stories.transferred)

    assert tally["queue_wait_time/transferred"] == (1, 2002)
    assert tally["queue_wait_time/answered"] == (1, 2500)


@pytest.mark.parametrize(("answered_after_ms", "breaches"), [(9_999, 0), (10_000, 0), (10_001, 1)])
def test_a_reply_exactly_on_the_deadline_is_in_time(answered_after_ms: int, breaches: int) -> None:
    tally = told(lambda story: story.first_response(5, 5 + answered_after_ms))

    assert tally["sla_evaluations/p/first_reply"] == (1, 0)
    assert tally.get("sla_breaches/p/first_reply", (0, 0)) == (breaches, 0)


@pytest.mark.parametrize(("ended_after_ms", "breaches"), [(10_000, 0), (10_001, 1)])
def test_a_session_given_up_breaches_only_past_its_deadline(
    ended_after_ms: int, breaches: int
) -> None:
    tally = told(lambda story: story.given_up(5, 5 + ended_after_ms))

    assert tally.get("sla_breaches/p/first_reply", (0, 0)) == (breaches, 0)
    assert tally.get("sla_evaluations/p/first_reply", (0, 0)) == (breaches, 0)


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.tell.__name__)
@pytest.mark.parametrize("setting", [WEB, MAIL], ids=["web", "email"])
@pytest.mark.parametrize("seed", range(20))
def test_every_story_is_consistent(plot: Plot, setting: Setting, seed: int) -> None:
    """Steps run forwards on instants the provider can write; what is measured hangs together."""
    story = Story(setting, number=1, start_ms=1_000_001, dice=Random(seed), promise=PROMISE)

    plot.tell(story)

    times = [step.at_ms for step in story.steps]
    assert times == sorted(times)
    assert [at_ms % setting.resolution_ms for at_ms in times] == [0] * len(times)
    counts: dict[str, int] = {}
    for series, sum_ in story.tally:
        counts[series.metric] = counts.get(series.metric, 0) + sum_.count
        assert (sum_.sum_ms > 0) == (series.metric in DISTRIBUTIONS)
    assert counts.get("first_response_time", 0) <= counts.get("first_response_time_any", 0) <= 1
    assert counts.get("first_response_time", 0) <= counts.get("reply_time", 0)
    assert counts.get("sla_breaches", 0) <= counts.get("sla_evaluations", 0)
