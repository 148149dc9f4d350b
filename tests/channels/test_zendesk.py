"""What only Zendesk does."""

import base64
import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carewatch.channels.base import RawRequest, Skip
from carewatch.channels.drafts import Draft, Text
from carewatch.channels.verify import Verdict, verify
from carewatch.channels.zendesk import ADAPTER
from carewatch.wire.envelope import Envelope, encode_event
from support import hooks
from support.told import told

FOLDER = Path(__file__).parent / "zendesk"


def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def items(body: dict[str, Any], **changes: object) -> list[Draft | Skip]:
    account = replace(hooks.ACCOUNTS["zendesk"], **changes)  # type: ignore[arg-type]
    request = hooks.request("zendesk", json.dumps(body).encode())
    return list(ADAPTER.parse(request, account))


def drafts(name: str, **changes: object) -> list[Draft]:
    return [item for item in items(document(name), **changes) if isinstance(item, Draft)]


def series(*names: str) -> dict[str, Any]:
    """What the fixtures come to, in this order of arrival."""
    return told(
        json.loads(encode_event(found))
        for name in names
        for found in hooks.events("zendesk", (FOLDER / f"{name}.json").read_bytes())
        if isinstance(found, Envelope)
    )


def test_the_first_comment_is_one_message_however_often_it_is_told() -> None:
    of_ticket = [d for d in drafts("ticket_created") if d.message is not None]
    of_comment = drafts("first_comment")

    assert [d.key for d in of_ticket] == [d.key for d in of_comment]
    assert [d.message for d in of_ticket] == [d.message for d in of_comment]


def test_the_same_words_later_are_another_message() -> None:
    first, later = drafts("first_comment"), drafts("same_words_again_later")

    assert first[0].key != later[0].key


def test_a_trigger_and_a_note_answer_nobody() -> None:
    """Only the reply of a person ends the wait."""
    names = ("ticket_created", "comment_of_a_trigger", "private_note", "agent_reply")

    assert series(*names)["first_response_time"] == {(): [120_100]}


def test_the_customers_words_go_nowhere_but_into_the_restricted_text() -> None:
    found = drafts("customer_comment")[0].message

    assert found is not None
    assert found.text == Text("Still no parcel. Call me: +49 151 12345678")
    assert [d.message and d.message.text for d in drafts("agent_reply")] == [None]


@pytest.mark.parametrize(
    ("via", "options", "expected"),
    [
        ("email", {}, "email"),
        ("web", {}, "email"),
        ("web", {"via.web": "web"}, "web"),
        ("whatsapp", {}, "whatsapp"),
        ("pigeon", {}, "other"),
        ("pigeon", {"via.pigeon": "slack"}, "slack"),
        ("pigeon", {"via.pigeon": "smoke"}, "other"),
    ],
)
def test_the_channel_is_how_the_ticket_came(
    via: str, options: dict[str, str], expected: str
) -> None:
    body = document("solved_by_agent")
    body["detail"]["via"]["channel"] = via
    found = items(body, options=options)

    assert [item.channel for item in found if isinstance(item, Draft)] == [expected]


def test_a_rating_that_is_changed_counts_once() -> None:
    names = ("ticket_created", "agent_reply", "rating_offered", "rated_good", "rated_bad_instead")
    found = series(*names)

    assert found["csat_top2"] == {(): (0, 1)}
    assert found["csat_response_rate"] == {(): (1, 1)}


@pytest.mark.parametrize(
    "change",
    [{"rating": "splendid"}, {"rating": "6", "of": "5"}, {"of": "1"}, {"of": "many"}, {"time": ""}],
)
def test_a_template_filled_in_wrongly_is_kept_for_people_to_look_at(
    change: dict[str, str],
) -> None:
    assert items(document("rated_good") | change) == [Skip(reason="schema", path="body")]


@pytest.mark.parametrize("name", ["account_id", "brand_id"])
def test_a_body_of_another_account_is_refused(name: str) -> None:
    found = items(document("customer_comment"), match={name: "1"})

    assert found == [Skip(reason="wrong_account", path="body")]


def test_a_spam_ticket_is_in_no_metric_any_more() -> None:
    found = series("ticket_created", "marked_as_spam", "solved_by_agent")

    assert found["conversations"] == {("opened",): 1, ("closed",): 1}
    assert found["excluded_events"] == {(): 1}


def genuine(headers: dict[str, str], body: bytes) -> Verdict:
    request = hooks.request("zendesk", body, headers)
    return verify(ADAPTER.verifiers, request, hooks.secrets("zendesk"), hooks.NOW)


def test_an_empty_body_is_signed_by_its_time_alone() -> None:
    assert genuine(hooks.signature("zendesk", b""), b"") == Verdict.GENUINE
    assert genuine(hooks.signature("zendesk", b"{}"), b"") == Verdict.UNVERIFIED


@pytest.mark.parametrize("time", ["", "1767607500", "yesterday", "2026-01-05T10:05:00", "2026"])
def test_a_time_that_is_not_written_as_zendesk_does_is_a_refusal(time: str) -> None:
    key = hooks.SECRETS["zendesk"].encode()
    signature = base64.b64encode(hmac.digest(key, time.encode() + b"{}", "sha256")).decode()
    headers = {
        "x-zendesk-webhook-signature": signature,
        "x-zendesk-webhook-signature-timestamp": time,
    }

    assert genuine(headers, b"{}") == Verdict.UNVERIFIED


def test_sunshine_proves_itself_by_its_shared_secret() -> None:
    body = (FOLDER / "sunshine_batch.json").read_bytes()

    assert genuine({"x-api-key": hooks.SECRETS["zendesk"]}, body) == Verdict.GENUINE
    assert genuine({"x-api-key": "guess"}, body) == Verdict.UNVERIFIED


def test_a_message_without_a_known_author_is_what_the_account_says() -> None:
    """Sent through the API of Sunshine: by a system of the business, or in an agent's name."""
    kinds = [
        [d.actor.kind for d in drafts("sunshine_postback_and_hand_back", api_sender=sender)][-1]
        for sender in ("agent", "bot", "system")
    ]

    assert kinds == ["agent", "bot", "system"]


def test_a_bot_hands_over_and_the_wait_for_people_is_measured_from_there() -> None:
    assert series("sunshine_batch")["first_response_after_handoff"] == {(): [30_250]}


def test_nothing_of_the_request_but_its_body_is_read() -> None:
    """A dead letter that is fed again has no headers."""
    body = (FOLDER / "sunshine_batch.json").read_bytes()
    bare = RawRequest(method="POST", url="", body=body, received_at=hooks.NOW)

    assert list(ADAPTER.parse(bare, hooks.ACCOUNTS["zendesk"])) == hooks.parse("zendesk", body)
