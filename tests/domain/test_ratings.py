"""Ratings: what they say, whom they are about, and how many answer."""

import pytest

from support.envelopes import Event, csat, event, message
from support.told import told

WEEK = 7 * 24 * 3_600_000
ASKED = event(
    "conversation.survey_requested",
    60_000,
    id_="s1",
    actor="system",
    csat=csat("requested", survey="s1"),
)


def rating(
    at: int, score: int, *, survey: str | None = "s1", id_: str = "r1", **more: object
) -> Event:
    answer = csat("answered", survey=survey, score=score) | more
    return event("conversation.rated", at, id_=id_, csat=answer)


def reply(at: int, agent: str) -> Event:
    return message(at, id_=f"reply-{agent}", actor="agent", actor_key=agent)


@pytest.mark.parametrize(
    ("scale", "score", "top", "norm"),
    [
        ((1, 5), 3, 0, 500),
        ((1, 5), 4, 1, 750),
        ((1, 5), 5, 1, 1000),
        ((0, 10), 5, 0, 500),
        ((0, 10), 6, 1, 600),
        ((1, 7), 4, 0, 500),
        ((1, 4), 2, 0, 333),
        ((1, 4), 3, 1, 667),
        ((-1, 1), 0, 0, 500),
    ],
)
def test_the_top_forty_percent_of_any_scale_are_satisfied(
    scale: tuple[int, int], score: int, top: int, norm: int
) -> None:
    given = rating(0, score, scale_min=scale[0], scale_max=scale[1])

    counted = told([given])

    assert counted["csat_top2"] == {(): (top, 1)}
    assert counted["csat_mean"] == {(): [norm]}


def test_a_thumb_is_a_rating_and_effort_and_loyalty_are_none() -> None:
    thumbs = [rating(0, 1, instrument="thumb", scale_min=0, scale_max=1)]
    others = [
        rating(0, 9, id_=name, survey=None, instrument=name, scale_min=0, scale_max=10)
        for name in ("nps", "ces")
    ]

    assert told(thumbs)["csat_top2"] == {(): (1, 1)}
    assert told(others) == {}


@pytest.mark.parametrize(
    "answer",
    [{"score": None}, {"score": 9}, {"phase": "expired"}, {"scale_max": 1}],
    ids=["without a score", "beyond its scale", "expired", "on a scale of one mark"],
)
def test_what_is_no_rating_counts_nowhere(answer: dict[str, object]) -> None:
    given = rating(0, 3)
    given["data"]["csat"] |= answer

    assert told([given]) == {}


def test_a_rating_that_came_as_a_place_on_the_scale_is_taken_as_that() -> None:
    placed = rating(0, 3)
    placed["data"]["csat"] |= {"score": None, "score_norm": 599}

    counted = told([placed])

    assert (counted["csat_top2"], counted["csat_mean"]) == ({(): (0, 1)}, {(): [599]})


def test_a_rating_is_about_the_last_person_who_replied_before_the_survey() -> None:
    events = [message(0, id_="m"), reply(1000, "a1"), ASKED, reply(70_000, "a2"), rating(90_000, 5)]

    assert told(events)["csat_mean_by_agent"] == {("a1",): [1000]}


def test_without_a_survey_it_is_about_the_last_before_the_rating_and_never_the_assignee() -> None:
    assigned = event(
        "conversation.assigned", 0, id_="as", actor="system", assignment={"to": {"agent": "boss"}}
    )
    events = [message(0, id_="m"), assigned, reply(1000, "a1"), rating(90_000, 1, survey=None)]

    assert told(events)["csat_top2_by_agent"] == {("a1",): (0, 1)}
    assert "csat_top2_by_agent" not in told([message(0, id_="m"), assigned, rating(90_000, 1)])


def test_who_rates_again_changes_the_rating() -> None:
    counted = told([ASKED, rating(70_000, 2), rating(80_000, 5, id_="r2")])

    assert counted["csat_top2"] == {(): (1, 1)}
    assert counted["csat_mean"] == {(): [1000]}
    assert counted["csat_response_rate"] == {(): (1, 1)}


def test_surveys_without_a_name_are_each_their_own() -> None:
    sent = [
        event(
            "conversation.survey_requested",
            at,
            id_=f"s{at}",
            actor="system",
            csat=csat("requested", survey=None),
        )
        for at in (0, 1000)
    ]
    given = [rating(at, 4, survey=None, id_=f"r{at}") for at in (2000, 3000, 4000)]

    counted = told([*sent, *given])

    assert counted["csat_top2"] == {(): (3, 3)}
    assert counted["csat_response_rate"] == {(): (2, 2)}


def test_the_same_survey_sent_twice_is_one() -> None:
    again = ASKED | {"id": "s1-again", "time": ASKED["recordedtime"]}

    assert told([ASKED, again])["csat_response_rate"] == {(): (0, 1)}


@pytest.mark.parametrize(("after", "n"), [(WEEK, 1), (WEEK + 1, 0)])
def test_a_survey_is_answered_within_a_week(after: int, n: int) -> None:
    counted = told([ASKED, rating(60_000 + after, 3)])

    assert counted["csat_response_rate"] == {(): (n, 1)}
    assert counted["csat_mean"] == {(): [500]}


def test_a_rating_counts_for_the_tags_and_topics_of_the_conversation() -> None:
    tagged = event(
        "conversation.tagged", 500, id_="t", actor="agent", tags={"added": ["vip", "b2b"]}
    )

    counted = told([message(0, id_="m"), tagged, rating(1000, 4)])

    assert counted["csat_mean_by_tag"] == {("b2b",): [750], ("vip",): [750]}
