"""What only Twilio Messaging does."""

from dataclasses import replace
from pathlib import Path

import pytest

from carewatch.channels.base import RawRequest, Reply, Secrets, Skip
from carewatch.channels.drafts import ActorDraft, Draft
from carewatch.channels.twilio_sms import ADAPTER
from carewatch.channels.verify import Verdict, verify
from support import hooks
from support.measured import samples_of
from support.sender import BASE

FOLDER = Path(__file__).parent / "twilio_sms"


def body(name: str) -> bytes:
    return (FOLDER / f"{name}.form").read_bytes()


def items(name: str, **changes: object) -> list[Draft | Skip]:
    account = replace(hooks.ACCOUNTS["twilio_sms"], **changes)  # type: ignore[arg-type]
    return list(ADAPTER.parse(hooks.request("twilio_sms", body(name)), account))


def drafts(name: str, **changes: object) -> list[Draft]:
    return [item for item in items(name, **changes) if isinstance(item, Draft)]


def test_a_status_belongs_to_the_conversation_of_the_answered_message() -> None:
    """There we are the sender, the customer is the recipient."""
    question, status = drafts("text")[0], drafts("delivered")[0]

    assert question.conversation == status.conversation
    assert question.customer == status.customer


def test_a_number_is_one_customer_whichever_of_our_numbers_it_writes_to() -> None:
    one, other = drafts("text")[0], drafts("short_code")[0]

    assert one.customer == other.customer
    assert one.conversation != other.conversation


def test_a_customer_of_whatsapp_is_the_one_that_whatsapp_itself_reports() -> None:
    """Its phone number is there without the plus."""
    text = (FOLDER.parent / "whatsapp" / "text.json").read_bytes()
    [direct] = [one for one in hooks.parse("whatsapp", text) if isinstance(one, Draft)]

    assert drafts("list_on_whatsapp")[0].customer == direct.customer


@pytest.mark.parametrize("source", [None, "chatwoot"])
def test_a_sent_status_is_only_a_status_where_another_source_has_the_messages(
    source: str | None,
) -> None:
    assert [one.type for one in drafts("sent", messages_from=source)] == ["care.message.status"]


@pytest.mark.parametrize(
    ("sender", "automated"), [("agent", None), ("bot", None), ("system", True)]
)
def test_the_account_says_who_writes_through_the_api(sender: str, automated: bool | None) -> None:
    found = drafts("sent", api_sender=sender)[-1]

    assert found.actor == ActorDraft(kind=sender, confidence="derived")  # type: ignore[arg-type]
    assert (found.message and found.message.automated) == automated


def test_each_status_of_a_message_is_one_event_whenever_it_comes() -> None:
    keys = [drafts(name)[0].key for name in ("delivered", "sent", "delivered")]

    assert keys[0] == keys[2] != keys[1]


def test_another_messaging_service_is_another_account() -> None:
    match = {"messaging_service_sid": "MG00000000000000000000000000000008"}

    assert items("text", match=match) == [Skip(reason="wrong_account", path="body")]
    assert [item for item in items("question", match=match) if isinstance(item, Skip)] == []


def test_the_answer_tells_twilio_to_send_nothing() -> None:
    assert ADAPTER.success == Reply(text="<Response/>", content_type="text/xml")


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        (BASE, Verdict.GENUINE),
        (f"{BASE}:443", Verdict.GENUINE),
        ("http://10.0.0.7:8080", Verdict.UNVERIFIED),
        ("", Verdict.UNVERIFIED),
    ],
)
def test_only_the_public_address_verifies(base: str, expected: Verdict) -> None:
    """Behind a proxy the request itself names another one, which proves nothing."""
    url = hooks.url_of("twilio_sms")
    request = RawRequest(
        method="POST",
        url=url,
        public_url=base + url,
        headers=hooks.signature("twilio_sms", body("text")) | {"host": "care.example"},
        body=body("text"),
        received_at=hooks.NOW,
    )
    secrets = Secrets(signing=(hooks.SECRETS["twilio_sms"],))

    assert verify(ADAPTER.verifiers, request, secrets, hooks.NOW) == expected


def test_fields_nobody_has_heard_of_are_signed_as_well() -> None:
    talkative = body("text") + b"&BrandNew=1&BrandNew=2&BrandNew=1"
    request = hooks.request("twilio_sms", talkative)
    changed = replace(request, body=talkative.replace(b"BrandNew=2", b"BrandNew=3"))
    secrets = hooks.secrets("twilio_sms")

    assert verify(ADAPTER.verifiers, request, secrets, hooks.NOW) == Verdict.GENUINE
    assert verify(ADAPTER.verifiers, changed, secrets, hooks.NOW) == Verdict.UNVERIFIED
    assert list(ADAPTER.parse(request, hooks.ACCOUNTS["twilio_sms"])) == drafts("text")


def test_a_whole_conversation_is_measured() -> None:
    """By arrival: asked, sent 95 s later, delivered after that; the delivery comes first here."""
    assert samples_of(
        "twilio_sms", "question", ("answer_delivered", 94_900), ("answer_sent", 95_000)
    ) == {
        "first_response_time": [95_000],
        "first_response_time_any": [95_000],
        "reply_time": [95_000],
        "queue_wait_time": [95_000],
    }
