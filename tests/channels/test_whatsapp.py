"""What only WhatsApp does."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from carewatch.channels.base import RawRequest, Reply, Secrets
from carewatch.channels.drafts import Draft
from carewatch.channels.whatsapp import ADAPTER
from support import hooks

FOLDER = Path(__file__).parent / "whatsapp"


def drafts(name: str, **changes: object) -> list[Draft]:
    account = replace(hooks.ACCOUNTS["whatsapp"], **changes)  # type: ignore[arg-type]
    request = hooks.request("whatsapp", (FOLDER / f"{name}.json").read_bytes())
    return [item for item in ADAPTER.parse(request, account) if isinstance(item, Draft)]


def test_a_sent_status_is_the_same_event_as_the_echo_of_its_message() -> None:
    sent = [d for d in drafts("statuses_out_of_order") if d.type == "care.message.created"]
    echo = drafts("echo_of_a_sent_message")

    assert [d.key for d in sent] == [d.key for d in echo]
    assert [d.derived for d in sent] == [True]


@pytest.mark.parametrize("source", [None, "chatwoot"])
def test_a_sent_status_is_only_a_status_where_another_source_has_the_messages(
    source: str | None,
) -> None:
    found = drafts("statuses_out_of_order", messages_from=source)

    assert [d.type for d in found] == ["care.message.status"] * 3


@pytest.mark.parametrize(
    ("sender", "automated"), [("agent", None), ("bot", None), ("system", True)]
)
def test_the_account_says_who_writes_through_the_api(sender: str, automated: bool | None) -> None:
    found = drafts("statuses_out_of_order", api_sender=sender)[-1]

    assert found.actor.kind == sender
    assert found.message is not None
    assert found.message.automated == automated


def test_a_person_keeps_one_key_while_the_number_comes_and_goes() -> None:
    with_number, hidden = drafts("business_scoped_user"), drafts("user_without_number")

    assert {d.customer for d in with_number} == {d.customer for d in hidden}
    assert {d.conversation for d in with_number if d.conversation} == {
        d.conversation for d in hidden
    }


def get(**query: str) -> RawRequest:
    return RawRequest(
        method="GET",
        url="/hooks/whatsapp/wa-1",
        query=tuple((name.replace("_", ".", 1), value) for name, value in query.items()),
        received_at=hooks.NOW,
    )


def test_the_subscription_handshake_is_echoed_for_the_token_only() -> None:
    token = hooks.TOKENS["whatsapp"] or ""
    secrets = hooks.secrets("whatsapp")
    genuine = {"hub_mode": "subscribe", "hub_verify_token": token, "hub_challenge": "1158201444"}

    assert ADAPTER.challenge(get(**genuine), secrets, hooks.ACCOUNTS["whatsapp"]) == Reply(
        text="1158201444"
    )
    for wrong in (
        {"hub_verify_token": "guess"},
        {"hub_verify_token": ""},
        {"hub_mode": "unsubscribe"},
        {"hub_challenge": "x" * 257},
        {"hub_challenge": ""},
    ):
        assert (
            ADAPTER.challenge(get(**(genuine | wrong)), secrets, hooks.ACCOUNTS["whatsapp"]) is None
        )
    assert (
        ADAPTER.challenge(get(**genuine), Secrets(token=None), hooks.ACCOUNTS["whatsapp"]) is None
    )


def test_items_of_a_batch_do_not_need_each_other() -> None:
    """A broken item costs itself alone."""
    document = json.loads((FOLDER / "two_entries_two_changes_two_messages.json").read_text())
    document["entry"][0]["changes"][0]["value"]["messages"][0] = {"id": 7}
    found = hooks.parse("whatsapp", json.dumps(document).encode())

    assert [type(item).__name__ for item in found] == ["Skip", "Draft", "Draft", "Draft"]
