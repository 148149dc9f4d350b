"""What only Twilio's contact centre does."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from carewatch.channels.base import RawRequest, Skip
from carewatch.channels.drafts import Draft
from carewatch.channels.twilio_events import ADAPTER
from carewatch.channels.verify import Verdict, verify
from carewatch.wire.envelope import Envelope, encode_event
from support import hooks
from support.sender import BASE
from support.told import Told, told

FOLDER = Path(__file__).parent / "twilio_events"


def body(name: str) -> bytes:
    return next(FOLDER.glob(f"{name}.*[mn]")).read_bytes()


def form(name: str, **changes: str) -> bytes:
    return urlencode(dict(parse_qsl(body(name).decode())) | changes).encode()


def items(sent: bytes, **changes: object) -> list[Draft | Skip]:
    account = replace(hooks.ACCOUNTS["twilio_events"], **changes)  # type: ignore[arg-type]
    return list(ADAPTER.parse(hooks.request("twilio_events", sent), account))


def drafts(sent: bytes, **changes: object) -> list[Draft]:
    return [item for item in items(sent, **changes) if isinstance(item, Draft)]


def series(bodies: Iterable[bytes], **options: str) -> Told:
    """What the bodies come to, in this order of arrival."""
    account = hooks.ACCOUNTS["twilio_events"]
    changed = replace(account, options={**account.options, **options})
    return told(
        json.loads(encode_event(found))
        for sent in bodies
        for found in hooks.events_of("twilio_events", sent, changed)
        if isinstance(found, Envelope)
    )


@pytest.mark.parametrize(
    ("callback", "stream"),
    [
        ("reservation_accepted_by_callback", "reservation_accepted"),
        ("message_by_webhook", "conversation_begins"),
        ("state_by_webhook", "state_changes"),
        ("call_rings", "calls_by_event_streams"),
        ("call_over", "calls_by_event_streams"),
    ],
)
def test_a_callback_and_event_streams_tell_the_same_event(callback: str, stream: str) -> None:
    by_callback = {draft.key for draft in drafts(body(callback))}

    assert by_callback
    assert by_callback <= {draft.key for draft in drafts(body(stream))}


VOICE = ("task_created", "task_queued", "reservation_times_out", "reservation_accepted",
         "reservation_of_worker_and_work_after_it")  # fmt: skip


def test_a_task_from_the_queue_to_the_work_after_it() -> None:
    """18.2 s in the queue, 120 s of talk, 28 s of work: each counted once."""
    found = series(body(name) for name in VOICE)

    assert found["queue_wait_time"] == {("answered",): [18_200]}
    assert found["handle_time"] == {("phases",): [148_000]}
    assert found["agent_non_response"] == {(): 1}
    assert found["conversations"] == {("opened",): 1, ("closed",): 1}


def test_the_call_and_its_task_are_one_conversation_with_one_handle_time() -> None:
    bodies = [body("call_rings"), body("call_answered_by_a_program"), *map(body, VOICE)]

    found = series([*bodies, body("call_over")])

    assert found["handle_time"] == {("phases",): [148_000]}
    assert found["conversations"] == {("opened",): 1, ("closed",): 1}


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("task_canceled_by_hangup", "abandoned"), ("task_canceled_by_timeout", "flow_out")],
)
def test_a_task_that_nobody_took(name: str, outcome: str) -> None:
    found = series(body(one) for one in ("task_created", "task_queued", name))

    assert list(found["queue_wait_time"]) == [(outcome,)]


def test_a_task_that_moves_to_another_queue_waits_in_both() -> None:
    found = series(
        body(one) for one in ("task_created", "task_queued", "task_moved", "reservation_accepted")
    )

    assert found["queue_wait_time"] == {("transferred",): [6800], ("answered",): [11_400]}


LEGS = ("call_rings", "call_answered_by_a_program", "leg_rings", "leg_answered")


def leg_over() -> bytes:
    return form(
        "leg_answered",
        CallStatus="completed",
        SequenceNumber="3",
        Timestamp="Mon, 05 Jan 2026 10:02:20 +0000",
    )


def test_without_taskrouter_the_leg_that_answers_is_an_agent() -> None:
    found = series([*map(body, LEGS), leg_over(), body("call_over")], voice="alone")

    assert found["handle_time"] == {("phases",): [120_000]}
    assert found["conversations"] == {("opened",): 1, ("closed",): 1}


def test_with_taskrouter_a_leg_that_answers_counts_nothing() -> None:
    found = series([*map(body, LEGS), leg_over(), body("call_over")])

    assert "handle_time" not in found


def test_a_leg_that_nobody_takes_is_an_offer_that_was_missed() -> None:
    missed = form("leg_answered", CallStatus="no-answer")

    assert series([body("call_rings"), missed], voice="alone")["agent_non_response"] == {(): 1}


def test_attributes_of_a_task_that_are_no_sid_are_nobodys_name() -> None:
    """Anybody may write anything there."""
    document: list[dict[str, Any]] = json.loads(body("task_created"))
    document[0]["data"]["payload"]["task_attributes"] = json.dumps(
        {"conversationSid": "ada@example.org", "call_sid": "+4915112345678"}
    )
    found = drafts(json.dumps(document).encode())

    assert [draft.conversation_ref for draft in found] == ["WT00000000000000000000000000000001"]


@pytest.mark.parametrize(
    ("identity", "options", "expected"),
    [
        ("FX1", {}, "customer"),
        ("guest-7", {}, "agent"),
        ("guest-7", {"customers": "guest-"}, "customer"),
        ("helper", {"bots": "other, helper"}, "bot"),
        ("+4915112345678", {}, "customer"),
        ("whatsapp:+4915112345678", {}, "customer"),
        ("system", {}, "system"),
    ],
)
def test_who_writes_is_told_by_the_name(
    identity: str, options: dict[str, str], expected: str
) -> None:
    found = drafts(form("message_by_webhook", Author=identity), options=options)

    assert [draft.actor.kind for draft in found] == [expected]


def test_a_worker_writes_and_takes_tasks_under_one_name() -> None:
    of_task = drafts(body("reservation_accepted"))[-1].actor.id
    of_message = drafts(body("messages_of_both_sides"))[2].actor.id

    assert of_task == of_message


@pytest.mark.parametrize("channel", ["whatsapp", "smoke"])
def test_everything_but_voice_has_the_channel_of_the_account(channel: str) -> None:
    names = ("chat_task", "messages_of_both_sides", "state_changes")
    found = {d.channel for name in names for d in drafts(body(name), options={"channel": channel})}

    assert found == {channel if channel == "whatsapp" else "other"}
    assert {d.channel for d in drafts(body("task_created"), options={"channel": channel})} == {
        "voice"
    }


@pytest.mark.parametrize("name", ["task_created", "message_by_webhook", "call_rings"])
def test_a_body_of_another_account_is_refused(name: str) -> None:
    found = items(body(name), match={"account_sid": "AC1"})

    assert {item.reason for item in found if isinstance(item, Skip)} == {"wrong_account"}
    assert drafts(body(name), match={"account_sid": "AC1"}) == []


@pytest.mark.parametrize("parameters", ["a&" * 1001, 7, ["x"], "CallStatus"])
def test_parameters_that_are_none_cost_their_event_alone(parameters: object) -> None:
    document = json.loads(body("calls_by_event_streams"))
    document[0]["data"]["request"]["parameters"] = parameters

    assert [type(item) for item in items(json.dumps(document).encode())] == [
        Skip, Draft, Draft, Skip,
    ]  # fmt: skip


def genuine(sent: bytes, stated: bytes, query: str = "") -> Verdict:
    """Whether a body is taken whose URL and signature are those of `stated`."""
    request = replace(hooks.request("twilio_events", stated), body=sent)
    request = replace(request, public_url=request.public_url + query)
    return verify(ADAPTER.verifiers, request, hooks.secrets("twilio_events"), hooks.NOW)


def test_json_is_signed_by_its_hash_in_the_address() -> None:
    sent = body("task_created")

    assert genuine(sent, sent) == Verdict.GENUINE
    assert genuine(sent + b" ", sent) == Verdict.UNVERIFIED
    assert genuine(sent, sent, "&more=1") == Verdict.UNVERIFIED


def test_json_without_its_hash_is_refused_even_when_the_address_is_signed() -> None:
    bare = BASE + hooks.url_of("twilio_events")
    headers = hooks.SENDERS["twilio_events"].sign(
        b"[]", bare, hooks.NOW, hooks.SECRETS["twilio_events"]
    )
    request = RawRequest(
        method="POST", url="", public_url=bare, headers=headers, body=b"[]", received_at=hooks.NOW
    )

    assert (
        verify(ADAPTER.verifiers, request, hooks.secrets("twilio_events"), hooks.NOW)
        == Verdict.UNVERIFIED
    )


def test_an_address_signed_for_another_body_is_refused() -> None:
    assert genuine(body("task_created"), b"[]") == Verdict.UNVERIFIED


def test_the_answer_is_the_one_taskrouter_wants() -> None:
    assert (ADAPTER.success.status, ADAPTER.success.content_type) == (204, "application/json")
