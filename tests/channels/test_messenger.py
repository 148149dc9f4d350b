"""What only Messenger does."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from carewatch.channels.base import RawRequest, Reply, Skip
from carewatch.channels.drafts import Draft
from carewatch.channels.messenger import ADAPTER
from support import hooks

FOLDER = Path(__file__).parent / "messenger"
BOT = "1517776481860111"
INBOX = "263902037430900"


def items(name: str, **changes: object) -> list[Draft | Skip]:
    account = replace(hooks.ACCOUNTS["messenger"], **changes)  # type: ignore[arg-type]
    request = hooks.request("messenger", (FOLDER / f"{name}.json").read_bytes())
    return list(ADAPTER.parse(request, account))


def drafts(name: str, **changes: object) -> list[Draft]:
    return [item for item in items(name, **changes) if isinstance(item, Draft)]


def test_an_echo_belongs_to_the_conversation_of_its_recipient() -> None:
    question, answer = drafts("text")[0], drafts("echo_of_the_inbox")[0]

    assert question.conversation == answer.conversation
    assert question.customer == answer.customer
    assert (question.message and question.message.direction) == "inbound"
    assert (answer.message and answer.message.direction) == "outbound"


@pytest.mark.parametrize(
    ("options", "kind", "confidence"),
    [
        ({f"app.{BOT}": "bot"}, "bot", "stated"),
        ({f"app.{BOT}": "agent"}, "agent", "stated"),
        ({f"app.{BOT}": "system"}, "system", "stated"),
        ({}, "agent", "derived"),
        ({f"app.{INBOX}": "bot"}, "agent", "derived"),
    ],
)
def test_the_account_says_who_stands_behind_an_app(
    options: dict[str, str], kind: str, confidence: str
) -> None:
    actor = drafts("echo_of_our_bot", options=options)[0].actor

    assert (kind, confidence) == (actor.kind, actor.confidence)
    assert actor.id is None


def test_what_stands_by_counts_once() -> None:
    """Another app answers the thread: the same messages come in another list."""
    in_control = drafts("text")[0], drafts("echo_of_the_inbox")[0]
    standing_by = drafts("standby")

    assert [one.key for one in in_control] == [one.key for one in standing_by[:2]]


def test_nothing_is_handed_over_where_no_app_is_said_to_be_a_bot() -> None:
    assert drafts("passed_to_people", options={"app.1": "agent"}) == []
    assert drafts("taken_by_people", options={}) == []


def test_a_watermark_stands_for_all_messages_up_to_it() -> None:
    [delivered] = drafts("delivered_up_to")

    assert delivered.status is not None
    assert delivered.status.message is None
    assert delivered.status.up_to == hooks.NOW - 238_500


def test_contact_details_that_a_quick_reply_gives_away_are_left_out() -> None:
    found = drafts("quick_reply_with_contact_details")

    assert [one.choice and (one.choice.kind, one.choice.id, one.choice.title) for one in found] == [
        ("form", "contact_details", None)
    ] * 2
    assert [one.message and one.message.text for one in found] == [None, None]


def test_only_words_of_customers_are_kept_for_the_restricted_topic() -> None:
    [question], answers = drafts("text"), drafts("echo_of_the_inbox")

    assert question.message is not None
    assert question.message.text is not None
    assert question.message.text.value.startswith("Wo ist mein")
    assert [one.message and one.message.text for one in answers] == [None, None]


def test_an_answer_off_the_scale_is_not_understood() -> None:
    document = json.loads((FOLDER / "survey_answered.json").read_text())
    questions = document["entry"][0]["messaging"][0]["messaging_feedback"]["feedback_screens"][0]
    questions["questions"]["service"]["payload"] = "6"

    found = hooks.parse("messenger", json.dumps(document).encode())

    assert [Skip(reason="schema", path="entry[0].messaging[0]")] == found


def test_the_subscription_is_confirmed_with_the_token() -> None:
    query = (("hub.mode", "subscribe"), ("hub.verify_token", hooks.TOKENS["messenger"] or ""))
    request = RawRequest(
        method="GET", url="/", query=(*query, ("hub.challenge", "42")), received_at=hooks.NOW
    )
    account, secrets = hooks.ACCOUNTS["messenger"], hooks.secrets("messenger")

    assert Reply(text="42") == ADAPTER.challenge(request, secrets, account)
    assert ADAPTER.challenge(replace(request, query=query), secrets, account) is None
