"""What only the contact centres behind EventBridge do."""

import base64
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carewatch.channels.base import Skip
from carewatch.channels.drafts import Draft
from carewatch.channels.eventbridge import ADAPTER
from carewatch.channels.verify import Verdict, verify
from carewatch.wire.envelope import Envelope, encode_event
from support import hooks
from support.told import Told, told

FOLDER = Path(__file__).parent / "eventbridge"
CONVERSATION = sorted(path for path in (FOLDER / "conversation").iterdir() if path.stem != "facts")


def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def items(body: object, **changes: object) -> list[Draft | Skip]:
    account = replace(hooks.ACCOUNTS["eventbridge"], **changes)  # type: ignore[arg-type]
    return list(ADAPTER.parse(hooks.request("eventbridge", json.dumps(body).encode()), account))


def drafts(body: object) -> list[Draft]:
    return [item for item in items(body) if isinstance(item, Draft)]


def series(bodies: Iterable[object]) -> Told:
    """What the bodies come to, in this order of arrival."""
    return told(
        json.loads(encode_event(found))
        for body in bodies
        for found in hooks.events("eventbridge", json.dumps(body).encode())
        if isinstance(found, Envelope)
    )


def conversation(*, records: bool) -> list[object]:
    """The deliveries of the conversation, with the contact records or without."""
    return [
        json.loads(path.read_text())
        for path in CONVERSATION
        if records or "record" not in path.stem
    ]


def test_records_say_what_the_phases_said_and_are_not_added_to_them() -> None:
    """52 s talk and hold of the first part; 80 s and 30 s of work after it of the second."""
    by_phases = series(conversation(records=False))["handle_time"]
    by_records = series(conversation(records=True))["handle_time"]

    assert by_phases == {("phases",): [52_000, 110_000]}
    assert by_records == {("summary",): [52_000, 110_000]}


def test_records_alone_say_what_each_part_took() -> None:
    records = [json.loads(path.read_text()) for path in CONVERSATION if "record" in path.stem]

    assert series(records)["handle_time"] == {("summary",): [52_000, 110_000]}


def test_each_agent_has_the_time_of_their_own_part() -> None:
    found = series(conversation(records=True))["handle_time_by_agent"]

    assert sorted(found.values()) == [[52_000], [110_000]]


def test_a_transfer_goes_on_in_the_same_session() -> None:
    found = series(conversation(records=True))

    assert found["conversations"] == {("opened",): 1, ("closed",): 1}
    assert "queue_abandoned" not in found


def test_without_the_completion_of_a_contact_its_talk_is_known() -> None:
    """Connect leaves it out for a chat when the agent goes offline."""
    told_of = [body for body in conversation(records=False) if not _is(body, "COMPLETED")]

    assert series(told_of)["handle_time"] == {("phases",): [52_000, 80_000]}


def _is(body: object, kind: str) -> bool:
    return isinstance(body, dict) and body["detail"]["eventType"] == kind


def test_a_record_that_comes_again_takes_the_place_of_the_one_before() -> None:
    """138 s, and after the correction two seconds of work more."""
    events = ["connect_initiated", "connect_answered", "connect_hung_up_by_customer"]
    bodies = [document(name) for name in events]
    once = series([*bodies, document("contact_record")])
    again = series([*bodies, document("contact_record_updated"), document("contact_record")])

    assert once["handle_time"] == {("summary",): [138_000]}
    assert again["handle_time"] == {("summary",): [140_000]}


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("connect_abandoned_in_queue", "abandoned"), ("connect_ended_by_the_flow", "flow_out")],
)
def test_only_a_caller_who_hangs_up_in_the_queue_has_abandoned_it(name: str, outcome: str) -> None:
    found = series([document("connect_initiated"), document("connect_queued"), document(name)])

    assert list(found["queue_wait_time"]) == [(outcome,)]


def test_a_kinesis_record_means_what_it_holds() -> None:
    assert (
        drafts(document("kinesis_records_with_a_broken_one"))[0]
        == drafts(document("contact_record"))[0]
    )


@pytest.mark.parametrize(
    "data", ["", "%%%", base64.b64encode(b"[1]").decode(), base64.b64encode(b"[" * 9999).decode()]
)
def test_a_kinesis_record_of_junk_costs_itself_alone(data: str) -> None:
    body = json.loads((FOLDER / "kinesis_records_with_a_broken_one.json").read_text())
    body[0]["data"] = data

    assert [type(item) for item in items(body)] == [Skip, Skip, Draft]


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("connect_queued", {"account": "1"}),
        ("connect_queued", {"instance": "1"}),
        ("contact_record", {"account": "1"}),
        ("contact_record", {"instance": "1"}),
        ("genesys_queued", {"organization": "1"}),
    ],
)
def test_a_body_of_another_account_is_refused(name: str, match: dict[str, str]) -> None:
    assert items(document(name), match=match) == [Skip(reason="wrong_account", path="body")]


GENESYS = (
    "genesys_customer_calls", "genesys_flow", "genesys_queued", "genesys_agent_did_not_answer",
    "genesys_agent_rings", "genesys_answered", "genesys_agent_talked", "genesys_customer_hangs_up",
    "genesys_work_after_the_call",
)  # fmt: skip


def test_a_call_of_genesys_from_ringing_to_the_work_after_it() -> None:
    """100 s of talk, 20 s on hold, 28 s of work: the stated durations, each counted once."""
    found = series(document(name) for name in GENESYS)

    assert found["queue_wait_time"] == {("answered",): [18_200]}
    assert found["handle_time"] == {("phases",): [148_000]}
    assert found["agent_non_response"] == {(): 1}
    assert found["conversations"] == {("opened",): 1, ("closed",): 1}


def test_a_second_agent_of_genesys_is_another_part_and_the_wait_between_is_nobodys() -> None:
    second = document("genesys_agent_talked")
    second["detail"]["eventBody"] |= {
        "sessionId": "s-eve", "userId": "another", "eventTime": 1_767_607_200_000 + 243_400,
    }  # fmt: skip
    last = document("genesys_customer_hangs_up")
    last["detail"]["eventBody"]["eventTime"] = 1_767_607_200_000 + 243_500
    bodies = [document(name) for name in GENESYS if name != "genesys_customer_hangs_up"]

    found = series([*bodies, second, last])

    assert found["handle_time"] == {("phases",): [120_000, 148_000]}


def test_who_leaves_the_queue_of_genesys_has_abandoned_it() -> None:
    left = document("genesys_abandoned")
    left["detail"]["eventBody"]["queueId"] = document("genesys_queued")["detail"]["eventBody"][
        "queueId"
    ]
    found = series([document("genesys_customer_calls"), document("genesys_queued"), left])

    assert found["queue_wait_time"] == {("abandoned",): [29_800]}


def test_genesys_writes_milliseconds_or_iso() -> None:
    times = [
        drafts(document(name))[0].occurred.at
        for name in ("genesys_queued", "genesys_whatsapp_with_an_iso_time")
    ]

    assert times == [1_767_607_205_200, 1_767_607_207_250]


def test_a_caller_is_the_same_customer_at_connect_and_at_genesys() -> None:
    customers = {
        drafts(document(name))[0].customer
        for name in ("connect_initiated", "contact_record", "genesys_customer_calls")
    }

    assert len(customers) == 1


def test_a_basic_connection_proves_itself_by_user_and_password() -> None:
    secrets = hooks.secrets("eventbridge", "care:pass word")
    verdicts = [
        verify(
            ADAPTER.verifiers,
            hooks.request(
                "eventbridge",
                b"{}",
                {"authorization": "Basic " + base64.b64encode(stated).decode()},
            ),
            secrets,
            hooks.NOW,
        )
        for stated in (b"care:pass word", b"care:guess")
    ]

    assert verdicts == [Verdict.GENUINE, Verdict.UNVERIFIED]
