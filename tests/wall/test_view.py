"""What the wall says of a board."""

from collections.abc import Mapping
from typing import Any

import pytest

from carewatch.domain.aggregates import Deadline
from carewatch.domain.board import Board
from carewatch.domain.points import Moment, Soonest, Tally
from carewatch.domain.times import format_time
from carewatch.wall.view import Wall
from carewatch.wall.views import VIEWS
from carewatch.wall.views.age import STALE_MS
from support.busy import AT, MINUTE, Busy, busy_board, spread

NOW = AT + 1_000
LAST_HOUR: dict[str, Any] = {"window": "last_1h", "start": AT - 60 * MINUTE, "ends": AT}


def view(busy: Busy, *, now: int = NOW, **asked: str) -> dict[str, Any]:
    """What a wall that has just been opened is told."""
    return Wall().build_view(busy.board.snapshot(), now, asked)


def tile(message: Mapping[str, Any], id_: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in message["tiles"] if one["id"] == id_)
    return found


def panel(message: Mapping[str, Any], id_: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in message["panels"] if one["id"] == id_)
    return found


def values(message: Mapping[str, Any]) -> dict[str, tuple[object, str]]:
    return {one["id"]: (one["value"], one["word"]) for one in message["tiles"]}


def quiet() -> Busy:
    """A board on which somebody was heard of, and nothing else."""
    busy = Busy()
    busy.reach(AT)
    busy.put("waiting_conversations", Tally(0))
    return busy


def test_queue_shows_who_waits_over_all_channels() -> None:
    assert values(view(busy_board())) == {
        "waiting": (29, "Breach"),
        "oldest": (5_401_000, "Breach"),
        "unassigned": (6, ""),
        "due_15m": (11, "At risk"),
        "breached": (2, "Breach"),
        "data_age": (1_000, "OK"),
    }


def test_channel_and_tenant_narrow_what_is_shown() -> None:
    busy = busy_board()
    busy.put("waiting_conversations", Tally(100), tenant="other")

    assert values(view(busy, channel="messenger")) == {
        "waiting": (5, "At risk"),
        "oldest": (96_000, "OK"),
        "unassigned": (1, ""),
        "due_15m": (2, "At risk"),
        "breached": (0, "OK"),
        "data_age": (1_000, "OK"),
    }
    assert tile(view(busy), "waiting")["value"] == 129
    assert tile(view(busy, tenant="other"), "waiting")["value"] == 100
    assert view(busy)["tenants"] == ["acme", "other"]
    assert view(busy)["channels"] == ["email", "messenger", "web", "whatsapp"]


def test_channel_that_nobody_knows_is_shown_as_other() -> None:
    busy = quiet()
    busy.put("waiting_conversations", Tally(4), channel="pigeon")

    assert view(busy)["channels"] == ["other", "web"]
    assert tile(view(busy, channel="other"), "waiting")["value"] == 4


@pytest.mark.parametrize("name", [one.name for one in VIEWS])
def test_every_view_has_tiles_each_with_the_age_of_its_data(name: str) -> None:
    message = view(busy_board(), view=name)

    assert message["view"] == name
    assert len(message["tiles"]) == 6
    assert [one["id"] for one in message["tiles"] if one["as_of"] is None] == []


def test_first_view_is_shown_unless_one_is_asked_for() -> None:
    assert view(quiet())["view"] == view(quiet(), view="")["view"] == "queue"


def test_unknown_view_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError) as told:  # noqa: PT011 - the whole text is compared
        view(quiet(), view="topics")

    expected = "view: 'topics' is unknown; the views are queue, speed, sla, channels, pipeline"
    assert str(told.value) == expected


def test_empty_board_waits_for_data_and_claims_nothing() -> None:
    for name in (one.name for one in VIEWS):
        message = Wall().build_view(Board().snapshot(), NOW, {"view": name})

        assert (message["watermark"], message["age_ms"], message["stale"]) == (None, None, True)
        assert {word for _, word in values(message).values()} == {"No data"}
        assert {value for value, _ in values(message).values()} == {None}


def test_nobody_waiting_is_no_missing_data() -> None:
    message = view(quiet())

    assert values(message) == {
        "waiting": (0, "OK"),
        "oldest": (None, "OK"),
        "unassigned": (0, ""),
        "due_15m": (0, "OK"),
        "breached": (0, "OK"),
        "data_age": (1_000, "OK"),
    }
    assert tile(message, "oldest")["note"] == "nobody waits"


def test_place_of_which_nothing_was_heard_is_told_by_name() -> None:
    busy = busy_board()

    assert view(busy)["notice"] is None
    assert view(busy, channel="webb")["notice"] == (
        "Nothing was heard on the channel 'webb'; known: email, messenger, web, whatsapp."
    )
    assert (
        view(busy, tenant="acne")["notice"]
        == "Nothing was heard of the tenant 'acne'; known: acme."
    )
    assert set(values(view(busy, channel="webb")).values()) == {(None, "No data"), (1_000, "OK")}


def test_without_a_rulebook_the_wall_says_so_and_shows_no_targets() -> None:
    busy = Busy(rulebook=None)
    busy.reach(AT)
    busy.put("oldest_unanswered", Moment(AT - 86_400_000))
    message = view(busy)

    assert "No rulebook" in message["notice"]
    assert (tile(message, "oldest")["goal"], tile(message, "oldest")["word"]) == (None, "OK")


@pytest.mark.parametrize(
    ("waited_ms", "word"), [(299_999, "OK"), (300_000, "At risk"), (600_001, "Breach")]
)
def test_longest_wait_is_judged_by_the_promise_of_its_channel(waited_ms: int, word: str) -> None:
    busy = quiet()
    busy.put("oldest_unanswered", Moment(NOW - waited_ms))
    busy.put("oldest_unanswered", Moment(NOW - 2 * waited_ms), channel="email")
    shown = tile(view(busy), "oldest")

    assert (shown["value"], shown["word"]) == (2 * waited_ms, word)
    assert shown["since"] == format_time(NOW - 2 * waited_ms)
    assert shown["goal"] == {
        "unit": "ms",
        "least": 600_000,
        "most": 14_400_000,
        "business": False,
    }


def test_percentile_needs_samples_and_says_how_many_there_are() -> None:
    busy = quiet()
    busy.put("first_response_time", spread(*[60_000] * 9), **LAST_HOUR)
    median, ninth = (tile(view(busy, view="speed"), f"first_{rank}") for rank in ("p50", "p90"))

    assert (median["value"], median["samples"], median["word"]) == (59_904, 9, "OK")
    assert (ninth["value"], ninth["few"], ninth["word"]) == (
        None,
        {"n": 9, "needed": 10},
        "Too few",
    )


def test_percentiles_are_judged_on_each_channel_by_its_own_promise() -> None:
    busy = quiet()
    busy.put("waiting_conversations", Tally(0), channel="email")
    busy.put("reply_time", spread(*[3_600_000] * 30), channel="email", **LAST_HOUR)
    busy.put("reply_time", spread(*[30_000] * 30), **LAST_HOUR)
    slow_mail = view(busy, view="speed")
    busy.put("reply_time", spread(*[700_000] * 10), **LAST_HOUR)

    assert tile(slow_mail, "reply_p90")["word"] == "OK"
    assert tile(view(busy, view="speed"), "reply_p90")["word"] == "Breach"
    assert [row[0]["value"] for row in panel(slow_mail, "replies")["rows"]] == ["email", "web"]


def test_attainment_is_counted_and_judged_by_the_objective_of_each_policy() -> None:
    message = view(busy_board(), view="sla")

    kept = tile(message, "kept_28d")
    assert (kept["value"], kept["of"]) == (887, {"n": 48_020, "d": 54_124})
    assert kept["goal"] == {"unit": "permille", "least": 900, "most": 900, "business": False}
    assert [(row[0]["value"], row[2]["word"]) for row in panel(message, "policies")["rows"]] == [
        ("email", "OK"),
        ("live-chat", "Breach"),
    ]


@pytest.mark.parametrize(
    ("breaches", "clocks", "value", "word"),
    [
        (0, 9, None, "Too few"),
        (1, 10, 1_000, "OK"),
        (3, 20, 1_500, "At risk"),
        (54, 100, 5_400, "At risk"),
        (55, 100, 5_500, "Breach"),
    ],
)
def test_burn_rate_is_breaches_by_those_that_the_objective_allows(
    breaches: int, clocks: int, value: int | None, word: str
) -> None:
    busy = quiet()
    of = ("live-chat", "first_reply")
    busy.put("sla_evaluations", Tally(clocks), *of, **LAST_HOUR)
    busy.put("sla_breaches", Tally(breaches), *of, **LAST_HOUR)
    shown = tile(view(busy, view="sla"), "burn")

    assert (shown["value"], shown["word"]) == (value, word)


def test_next_to_breach_lists_ids_by_deadline_and_warns_when_little_time_is_left() -> None:
    busy = quiet()
    due = [
        Deadline(NOW - 1, "c1", "live-chat", "next_reply"),
        Deadline(NOW + 300_000, "c2", "live-chat", "next_reply"),
        Deadline(NOW + 300_001, "c3", "live-chat", "next_reply"),
        *(Deadline(NOW + 400_000 + n, f"d{n}", "email", "first_reply") for n in range(20)),
    ]
    busy.put("next_due", Soonest(tuple(due)), channel="none")
    listed = panel(view(busy), "due")

    assert [(row["conversation"], row["word"]) for row in listed["rows"][:3]] == [
        ("c1", "Breach"),
        ("c2", "At risk"),
        ("c3", "OK"),
    ]
    assert (len(listed["rows"]), listed["more"]) == (12, 11)
    assert set(listed["rows"][0]) == {"due_at", "conversation", "policy", "target", "state", "word"}


def test_deadlines_are_those_of_all_channels_and_the_title_says_so() -> None:
    assert panel(view(busy_board()), "due")["title"] == "Next to breach"
    assert (
        panel(view(busy_board(), channel="web"), "due")["title"] == "Next to breach on all channels"
    )


def test_what_could_not_be_understood_is_shown_to_every_tenant() -> None:
    shown = tile(view(busy_board(), view="pipeline", tenant="acme"), "dead")

    assert (shown["value"], shown["word"]) == (1, "At risk")


def test_topics_are_shown_only_where_somebody_names_them() -> None:
    named, unnamed = busy_board(), quiet()

    rows = panel(view(named, view="channels"), "topics")["rows"]
    assert [(row[0]["value"], row[1]["value"], row[2]["value"]) for row in rows] == [
        ("delivery", 261, 250),
        ("refund", 203, 0),
        ("login", 145, -167),
    ]
    assert [one["id"] for one in view(unnamed, view="channels")["panels"]] == ["channels"]


def test_age_is_that_of_the_data() -> None:
    fresh, stale = (view(quiet(), now=AT + age) for age in (STALE_MS, STALE_MS + 1))

    assert (fresh["age_ms"], fresh["stale"]) == (STALE_MS, False)
    assert (stale["age_ms"], stale["stale"]) == (STALE_MS + 1, True)
    assert stale["watermark"] == format_time(AT)
    assert tile(stale, "data_age")["word"] == "Breach"
