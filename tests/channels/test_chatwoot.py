"""What only Chatwoot does."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from carewatch.channels.base import Skip
from carewatch.channels.chatwoot import ADAPTER
from carewatch.channels.drafts import Draft, Text
from carewatch.wire.envelope import Envelope, encode_event
from support import hooks
from support.told import Told, told

FOLDER = Path(__file__).parent / "chatwoot"


def items(name: str, **changes: object) -> list[Draft | Skip]:
    account = replace(hooks.ACCOUNTS["chatwoot"], **changes)  # type: ignore[arg-type]
    request = hooks.request("chatwoot", (FOLDER / f"{name}.json").read_bytes())
    return list(ADAPTER.parse(request, account))


def drafts(name: str, **changes: object) -> list[Draft]:
    return [item for item in items(name, **changes) if isinstance(item, Draft)]


def test_a_change_told_twice_has_one_id() -> None:
    first, second = drafts("bot_hands_over"), drafts("bot_hands_over_told_by_update")

    assert [d.key for d in first] == [d.key for d in second]


def test_where_people_use_pending_by_hand_nothing_is_handed_over() -> None:
    found = drafts("bot_hands_over", options={"pending": "people"})

    assert [(d.type, d.lifecycle and d.lifecycle.from_) for d in found] == [
        ("care.conversation.status_changed", "pending")
    ]


def test_the_numeric_type_means_the_same() -> None:
    assert drafts("customer_message_with_numeric_type") == drafts("customer_message")


@pytest.mark.parametrize("match", [{"account_id": "2"}, {"inbox_id": "4"}])
@pytest.mark.parametrize("name", ["customer_message", "resolved", "conversation_created"])
def test_a_body_of_another_account_or_inbox_is_refused(name: str, match: dict[str, str]) -> None:
    if name != "customer_message" and "account_id" in match:
        match = {"inbox_id": "4"}  # conversations do not name their account

    assert items(name, match=match) == [Skip(reason="wrong_account", path="body")]


def test_a_team_is_the_queue_and_goes_by_the_name_configured() -> None:
    found = [drafts("assigned", options=options)[0].assignment for options in ({}, {"team.3": "b"})]

    assert [a and a.to and (a.to.team, a.to.queue) for a in found] == [
        ("billing", "billing"),
        ("b", "b"),
    ]


def test_a_message_of_whatsapp_refers_to_that_channels_key() -> None:
    """So that a number served by Chatwoot can be joined with its own webhooks."""
    found = drafts("customer_photo_on_whatsapp")[0].references[0]
    key = hooks.hide("chatwoot").message(found.id)  # type: ignore[arg-type]

    assert key == hooks.hide("whatsapp").message(found.id)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("inbox", "fixture"),
    [
        ("Channel::Whatsapp", "whatsapp/text.json"),
        ("Channel::FacebookPage", "messenger/text.json"),
        ("Channel::Instagram", "instagram/text.json"),
        ("Channel::TwilioSms", "twilio_sms/text.form"),
    ],
)
def test_a_message_refers_to_what_its_own_channel_calls_it(inbox: str, fixture: str) -> None:
    """Chatwoot's `source_id` is the provider's id of the message."""
    channel = fixture.partition("/")[0]
    [own] = [d.message for d in hooks.parse(channel, (FOLDER.parent / fixture).read_bytes())
             if isinstance(d, Draft) and d.message is not None]  # fmt: skip
    document = json.loads((FOLDER / "customer_photo_on_whatsapp.json").read_text())
    document["conversation"]["channel"] = inbox
    document["source_id"] = own.id.value

    [told] = hooks.parse("chatwoot", json.dumps(document).encode())

    assert isinstance(told, Draft)
    assert [reference.id for reference in told.references] == [own.id]


def series(*names: str) -> Told:
    """What the fixtures come to, in this order of arrival, a second apart."""
    bodies = [(FOLDER / f"{name}.json").read_bytes() for name in names]
    return told(
        json.loads(encode_event(found))
        for second, body in enumerate(bodies)
        for found in hooks.events("chatwoot", body, now=hooks.NOW + 1000 * second)
        if isinstance(found, Envelope)
    )


def test_a_change_of_labels_that_is_sent_twice_counts_once() -> None:
    """Chatwoot sends the same update twice, as deliveries of their own."""
    request = hooks.request("chatwoot", (FOLDER / "labelled.json").read_bytes())
    again = replace(request, headers={**request.headers, "x-chatwoot-delivery": "d-2"})

    assert list(ADAPTER.parse(again, hooks.ACCOUNTS["chatwoot"])) == items("labelled")


def test_a_private_note_is_no_first_response() -> None:
    found = series("customer_message", "private_note")
    answered = series("customer_message", "private_note", "agent_reply")

    assert "first_response_time" not in found
    assert answered["first_response_time"] == {(): [269_877]}


def test_a_survey_that_is_answered_again_counts_by_its_last_answer() -> None:
    """First without words, then with another mark and words."""
    found = series(
        "customer_message",
        "agent_reply",
        "survey_request",
        "survey_answer_before_its_comment",
        "survey_answer",
    )

    assert found["csat_top2"] == {(): (1, 1)}
    assert found["csat_response_rate"] == {(): (1, 1)}


def test_an_answer_never_goes_back_from_read_to_delivered() -> None:
    """Each state is an event of its own, so their order of arrival says nothing."""
    keys = [drafts(name)[0].key for name in ("agent_reply_delivered", "agent_reply_read")]

    assert keys == ["message|503|status|delivered", "message|503|status|read"]


def test_what_a_customer_wrote_is_kept_for_the_restricted_topic_alone() -> None:
    texts = {
        name: [d.message.text for d in drafts(name) if d.message]
        for name in ("customer_message", "message_edited", "agent_reply", "private_note")
    }

    assert texts == {
        "customer_message": [Text("Where is my parcel?")],
        "message_edited": [Text("Where is my second parcel?")],
        "agent_reply": [None],
        "private_note": [None],
    }


def test_the_time_of_a_change_is_that_of_the_message_in_the_list_else_the_arrival() -> None:
    times = [
        (d.occurred.quality, d.occurred.at)
        for name in ("agent_reply_read", "message_edited")
        for d in drafts(name)
    ]

    assert times == [("ms", hooks.NOW - 9250), ("arrival", hooks.NOW)]
