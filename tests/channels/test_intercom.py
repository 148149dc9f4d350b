"""What only Intercom does."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carewatch.channels.base import Skip
from carewatch.channels.drafts import Draft, Text
from carewatch.channels.intercom import ADAPTER, TOPICS
from carewatch.wire.envelope import Envelope, encode_event
from support import hooks
from support.told import Told, told

FOLDER = Path(__file__).parent / "intercom"


def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def items(body: dict[str, Any], **changes: object) -> list[Draft | Skip]:
    account = replace(hooks.ACCOUNTS["intercom"], **changes)  # type: ignore[arg-type]
    return list(ADAPTER.parse(hooks.request("intercom", json.dumps(body).encode()), account))


def drafts(name: str, **changes: object) -> list[Draft]:
    return [item for item in items(document(name), **changes) if isinstance(item, Draft)]


def series(*names: str) -> Told:
    """What the fixtures come to, in this order of arrival."""
    return told(
        json.loads(encode_event(found))
        for name in names
        for found in hooks.events("intercom", (FOLDER / f"{name}.json").read_bytes())
        if isinstance(found, Envelope)
    )


def test_a_whole_conversation_is_exactly_one_message() -> None:
    """The newest part that fits the topic; all else was told before."""
    found = drafts("whole_conversation_with_a_late_part")

    assert [d.type for d in found] == ["care.message.created"]
    assert [d.key for d in found] == [d.key for d in drafts("customer_writes_on")]


def test_of_two_parts_of_one_second_the_later_is_the_newest() -> None:
    body = document("customer_writes_on")
    parts = body["data"]["item"]["conversation_parts"]["conversation_parts"]
    parts.append(parts[-1] | {"id": "602"})

    assert [item.key for item in items(body) if isinstance(item, Draft)] == ["part|602"]


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_no_topic_makes_two_messages_of_a_conversation(topic: str) -> None:
    parts = document("whole_conversation_with_a_late_part") | {"topic": topic}

    messages = [
        item
        for item in items(parts)
        if isinstance(item, Draft) and item.type == "care.message.created"
    ]

    assert len(messages) <= 1


def test_a_close_with_words_is_the_same_message_as_the_reply_it_is_also_told_as() -> None:
    body = document("closed_with_a_last_word") | {
        "topic": "conversation.admin.replied",
        "id": "notif_another",
    }
    of_reply = [item.key for item in items(body) if isinstance(item, Draft)]
    of_close = [d.key for d in drafts("closed_with_a_last_word") if d.message]

    assert of_reply == of_close


def test_a_retry_has_the_same_ids() -> None:
    body = document("closed_with_a_last_word")
    again = body | {"delivery_attempts": 3, "delivered_at": 1767607400, "delivery_status": "retry"}

    assert items(again) == items(body)


def test_words_are_counted_without_their_markup() -> None:
    found = drafts("customer_begins")[-1].message

    assert found is not None
    assert found.text == Text("Where is my parcel?\nAda & family")
    assert found.chars == 32


@pytest.mark.parametrize("name", ["fin_replies", "a_program_replies_in_a_name", "closed_by_a_bot"])
def test_a_program_is_no_agent(name: str) -> None:
    assert [d.actor.kind for d in drafts(name)] == ["bot"]


def test_without_fin_an_assignment_by_a_workflow_hands_nothing_over() -> None:
    body = document("fin_hands_over_to_a_team")
    body["data"]["item"]["ai_agent_participated"] = False

    assert [item.type for item in items(body) if isinstance(item, Draft)] == [
        "care.conversation.assigned"
    ]


def test_what_is_sent_out_begins_no_turn_but_its_answer_does() -> None:
    found = [d.message for d in drafts("customer_answers_a_campaign") if d.message]

    assert [m.direction for m in found] == ["inbound"]


def test_a_rating_with_a_remark_replaces_the_one_before() -> None:
    found = series("customer_begins", "agent_replies", "rated_before_the_remark", "rated")

    assert found["csat_top2"] == {(): (1, 1)}
    assert "csat_response_rate" not in found


def test_handling_time_takes_the_place_of_what_is_measured() -> None:
    """64 s, as Intercom states; the reply and the last word alone would make more."""
    found = series("customer_begins", "assigned", "agent_replies", "closed_with_a_last_word")

    assert found["handle_time"] == {("summary",): [64_000]}


def test_an_agent_who_begins_owes_no_first_response() -> None:
    found = series("agent_begins", "customer_writes_on", "agent_replies")

    assert "first_response_time" not in found
    assert found["next_reply_time"] == {(): [35_000]}


@pytest.mark.parametrize("rating", [0, 6, "great", None, True])
def test_a_rating_off_the_scale_is_kept_for_people_to_look_at(rating: object) -> None:
    body = document("rated")
    body["data"]["item"]["conversation_rating"]["rating"] = rating

    assert items(body) == [Skip(reason="schema", path="body")]


@pytest.mark.parametrize(
    ("source", "options", "expected"),
    [
        ("conversation", {}, "web"),
        ("email", {}, "email"),
        ("facebook", {}, "messenger"),
        ("pigeon", {}, "other"),
        (None, {}, "web"),
        (None, {"channel": "slack"}, "slack"),
        (None, {"channel": "smoke"}, "other"),
    ],
)
def test_the_channel_is_where_the_conversation_began(
    source: str | None, options: dict[str, str], expected: str
) -> None:
    body = document("agent_replies")
    body["data"]["item"]["source"]["type"] = source

    assert [i.channel for i in items(body, options=options) if isinstance(i, Draft)] == [expected]


@pytest.mark.parametrize("until", ["999999999999999", "tomorrow", 1])
def test_a_snooze_without_a_credible_end_is_kept_for_people_to_look_at(until: object) -> None:
    body = document("snoozed")
    body["data"]["item"]["snoozed_until"] = until

    assert items(body) == [Skip(reason="time", path="body")]
