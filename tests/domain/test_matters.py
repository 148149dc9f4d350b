"""What conversations are about: tags, topics, language, and the mood of their customers."""

from typing import Any

import pytest

from carewatch.domain.rulebook import Condition, Document, Match, Policy, TargetRule
from support.envelopes import START, Event, event, message
from support.told import told

ASKED = message(0, id_="m1")
RESOLVED = event(
    "conversation.status_changed", 90_000, id_="end", actor="agent", lifecycle={"to": "resolved"}
)


def tagged(at: int, **sides: list[str]) -> Event:
    tags: dict[str, list[str]] = {"added": [], "removed": []} | sides
    return event("conversation.tagged", at, id_=f"tag{at}", actor="agent", tags=tags)


def noted(at: int, *notes: dict[str, Any], key: str = "m_m1", **says: Any) -> Event:
    return event(
        "message.annotated",
        at,
        id_=f"note{at}",
        actor="system",
        message={"key": key, **says},
        annotations=list(notes),
    )


def mood(label: str, model: str | None = "tiny", version: str | None = "2") -> dict[str, Any]:
    return {"kind": "sentiment", "label": label, "model": model, "model_version": version}


BILLING = {"kind": "topic", "label": "billing"}


def test_only_tags_that_really_change_count() -> None:
    events = [
        tagged(1000, added=["a", "b"]),
        tagged(2000, added=["b", "c"]),
        tagged(3000, removed=["a", "never"]),
    ]

    counted = told(events)

    assert counted["labels"] == {(): 2}
    assert counted["labels_by_tag"] == {("b",): 1, ("c",): 1}


def test_a_session_counts_at_its_end_for_what_it_was_about() -> None:
    counted = told([ASKED, tagged(1000, added=["vip"]), noted(2000, BILLING), RESOLVED])

    assert counted["labelled_sessions"] == {(): 1}
    assert counted["labelled_sessions_by_tag"] == {("vip",): 1}
    assert counted["labelled_sessions_by_topic"] == {("billing",): 1}
    assert counted["untagged_rate"] == {(): (0, 1)}


def test_a_session_with_a_topic_and_no_tag_is_labelled_and_untagged() -> None:
    counted = told([ASKED, noted(2000, BILLING), RESOLVED])

    assert counted["labelled_sessions"] == {(): 1}
    assert counted["untagged_rate"] == {(): (1, 1)}


@pytest.mark.parametrize(
    "end",
    [
        tagged(5000, added=["spam"]),
        event(
            "conversation.merged",
            5000,
            id_="mg",
            actor="agent",
            lifecycle={"to": "merged", "merged_into": "c2"},
        ),
    ],
    ids=["spam", "merged"],
)
def test_what_is_not_over_or_was_none_is_not_asked_for_its_tags(end: Event) -> None:
    assert not {"untagged_rate", "labelled_sessions"} & told([ASKED, end]).keys()


def test_a_topic_is_of_the_case_and_the_next_case_has_its_own() -> None:
    later = message(80 * 3_600_000, id_="m2")
    end = event(
        "conversation.status_changed",
        81 * 3_600_000,
        id_="end2",
        actor="agent",
        lifecycle={"to": "resolved"},
    )

    counted = told([ASKED, noted(1000, BILLING), RESOLVED, later, end])

    assert counted["labelled_sessions"] == {(): 1}


def test_the_mood_of_customers_counts_by_the_model_that_says_it() -> None:
    reply = message(1000, id_="m2", actor="agent")
    events = [
        ASKED,
        reply,
        noted(2000, mood("negative"), BILLING),
        noted(3000, mood("good"), key="m_m2"),
    ]

    counted = told(events)

    assert counted["sentiment"] == {("negative", "tiny@2"): 1}
    assert counted["sentiment_by_topic"] == {("negative", "tiny@2", "billing"): 1}


def test_a_model_without_a_name_is_none() -> None:
    counted = told([ASKED, noted(2000, mood("negative", None, None))])

    assert counted["sentiment"] == {("negative", "none"): 1}


def test_a_newer_annotation_takes_the_place_of_an_older_one() -> None:
    first, second = noted(2000, mood("negative", version="1")), noted(3000, mood("neutral"))

    for order in ([first, second], [second, first]):
        assert told([ASKED, *order])["sentiment"] == {("neutral", "tiny@2"): 1}


def test_an_annotation_may_come_before_its_message_and_goes_with_it() -> None:
    gone = event("message.deleted", 9000, id_="d", message={"key": "m_m1"})
    early = [noted(2000, mood("negative")), ASKED]

    assert told(early)["sentiment"] == {("negative", "tiny@2"): 1}
    assert "sentiment" not in told([*early, gone])
    assert "sentiment" not in told([noted(2000, mood("negative"), key="m_unknown")])


def test_an_annotation_may_say_several_things_and_whether_a_reply_is_needed() -> None:
    counted = told([ASKED, noted(2000, mood("positive"), BILLING, needs_reply=False)])

    assert counted["sentiment_by_topic"] == {("positive", "tiny@2", "billing"): 1}
    assert "turns_opened" not in counted


@pytest.mark.parametrize(
    ("moods", "vote"),
    [(["bad", "bad", "good"], "bad"), (["bad", "good"], "good"), (["good", "bad", "bad"], "bad")],
)
def test_a_customer_has_one_vote_in_a_session(moods: list[str], vote: str) -> None:
    wrote = [message(n * 1000, id_=f"m{n}") for n in range(len(moods))]
    notes = [noted(10_000 + n, mood(one), key=f"m_m{n}") for n, one in enumerate(moods)]

    counted = told([*wrote, *notes, RESOLVED])

    assert counted["sentiment_by_customer"] == {(vote, "tiny@2"): 1}
    assert sum(counted["sentiment"].values()) == len(moods)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("topic", "billing", noted(1000, BILLING)),
        ("language", "de", noted(1000, {"kind": "language", "label": "de"})),
    ],
)
def test_a_policy_may_ask_for_topic_and_language(field: str, value: str, says: Event) -> None:
    policy = Policy(
        policy="p",
        version=1,
        effective_from="2020-01-01T00:00:00Z",
        order=1,
        match=Match(all=[Condition(field=field, eq=value)]),
        targets={"first_reply": TargetRule(all="1m")},
    )
    rules = Document(policies=[policy])

    matched = told([ASKED, says], rules=rules, until=START + 61_000)
    others = told([ASKED], rules=rules, until=START + 61_000)

    assert matched["sla_breaches"] == {("p", "first_reply"): 1}
    assert "sla_breaches" not in others


def test_the_language_of_a_message_is_that_of_its_customer() -> None:
    policy = Policy(
        policy="p",
        version=1,
        effective_from="2020-01-01T00:00:00Z",
        order=1,
        match=Match(all=[Condition(field="language", in_=["de"])]),
        targets={"first_reply": TargetRule(all="1m")},
    )
    asked = message(0, id_="m1", message={"lang": "de"})

    counted = told([asked], rules=Document(policies=[policy]), until=START + 61_000)

    assert counted["sla_breaches"] == {("p", "first_reply"): 1}


def test_buttons_that_customers_click_and_prepared_answers_of_people_are_two_counts() -> None:
    events = [
        message(0, id_="m1", message={"kind": "choice"}),
        message(1000, id_="m2", actor="agent", message={"kind": "template"}),
        message(2000, id_="m3", actor="bot", message={"kind": "template"}),
        message(2500, id_="m5", choice={"kind": "button", "id": "yes"}),
        message(3000, id_="m4", message={"kind": "choice"}),
        event("message.deleted", 4000, id_="d", message={"key": "m_m4"}),
    ]

    counted = told(events)

    assert counted["quick_replies_clicked"] == {(): 2}
    assert counted["quick_replies_sent"] == {(): 1}
