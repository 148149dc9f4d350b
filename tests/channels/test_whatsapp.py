"""What only WhatsApp does."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from carewatch.channels.base import RawRequest, Reply, Secrets
from carewatch.channels.drafts import Draft
from carewatch.channels.whatsapp import ADAPTER
from support import hooks
from support.measured import outputs_of, samples_of
from support.replays import totals

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


def test_a_person_is_one_chain_of_identifiers_whatever_changes() -> None:
    """Number alone, number with user id, user id alone, another user id, another number."""
    told = (
        "text", "business_scoped_user", "user_without_number", "number_hidden_as_empty_text",
        "user_id_changed", "user_id_changed_told_in_words", "user_id_update", "number_changed",
    )  # fmt: skip
    found = [draft for name in told for draft in drafts(name)]
    chains: list[set[object]] = [{draft.customer} for draft in found]
    chains += [{draft.customer, ref.id} for draft in found for ref in draft.references]
    joined: set[object] = set(chains[0])
    for _ in chains:
        joined |= {one for chain in chains if chain & joined for one in chain}

    assert joined == {one for chain in chains for one in chain}
    assert len(joined) == 4  # two numbers, two user ids


def test_a_call_is_answered_when_its_status_and_when_its_end_says_so() -> None:
    accepted = [d for d in drafts("call_made") if d.call and d.call.phase == "answered"]
    ended = [d for d in drafts("call_made_ended") if d.call and d.call.phase == "answered"]

    assert [(d.key, d.occurred) for d in accepted] == [(d.key, d.occurred) for d in ended]


def test_captions_are_words_of_the_customer() -> None:
    [picture] = drafts("image_with_caption")

    assert picture.message is not None
    assert picture.message.text is not None
    assert picture.message.chars == len(picture.message.text.value) == 20


def test_words_of_the_business_are_not_kept() -> None:
    for name in ("echo_of_the_business_app", "statuses_out_of_order"):
        assert [d.message.text for d in drafts(name) if d.message] == [None]


def test_in_a_group_a_receipt_belongs_to_the_group() -> None:
    receipt = drafts("delivered_in_a_group")[0]

    assert receipt.conversation is not None
    assert receipt.conversation.value.endswith(":Y2FwaV9ncm91cDoxNzA1NTU1MDEz")
    assert receipt.customer == drafts("text")[0].customer


@pytest.mark.parametrize("order", [("text", "answer"), ("answer", "text")])
def test_a_whole_conversation_is_measured(order: tuple[str, str]) -> None:
    """Asked at 10:00:00; sent at 10:01:00, told after it was delivered and read."""
    names = {"text": "text", "answer": "statuses_out_of_order"}

    assert samples_of("whatsapp", *(names[one] for one in order)) == {
        "first_response_time": [60_000],
        "first_response_time_any": [60_000],
        "reply_time": [60_000],
        "queue_wait_time": [60_000],
    }


def test_a_call_takes_as_long_as_whatsapp_says() -> None:
    """By the summary alone: the time between the phases is not added to it."""
    counted = totals(outputs_of("whatsapp", "call_answered"))

    assert {
        series: (total["count"], total["sum_ms"])
        for series, total in counted.items()
        if "handle_time" in series
    } == {"acme|whatsapp|none|normal|handle_time|method=summary|total|": (1, 55_000)}


def test_a_contact_says_nothing_of_somebody_else() -> None:
    """Two people write at once, and only one of them is listed: with a user id, at that."""
    document = json.loads((FOLDER / "text.json").read_text())
    value = document["entry"][0]["changes"][0]["value"]
    value["contacts"][0]["user_id"] = "US.13491208655302741918"
    value["messages"].append(value["messages"][0] | {"id": "wamid.other", "from": "4915199999999"})

    found = hooks.parse("whatsapp", json.dumps(document).encode())

    customers = [
        d.customer.value for d in found if isinstance(d, Draft) and d.message and d.customer
    ]
    assert customers == ["US.13491208655302741918", "4915199999999"]
