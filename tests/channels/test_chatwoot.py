"""What only Chatwoot does."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from carewatch.channels.base import Skip
from carewatch.channels.chatwoot import ADAPTER
from carewatch.channels.drafts import Draft
from support import hooks

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
