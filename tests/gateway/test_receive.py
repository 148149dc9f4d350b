"""What becomes of a request, without HTTP and Kafka."""

import json
import re
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from carewatch.channels import CHANNELS
from carewatch.channels.base import Account, RawRequest, Reply, Skip
from carewatch.channels.drafts import Draft
from carewatch.channels.generic import Generic
from carewatch.channels.outcomes import STATUS, RequestOutcome
from carewatch.domain.errors import ConfigError
from carewatch.gateway.doors import doors_of
from carewatch.settings import AccountSettings, GatewaySettings, Secret, Settings
from carewatch.wire.envelope import decode_envelope
from support import hooks
from support.receiving import GENERIC_ONLY, SETTINGS, Lab, Topic, body_of


async def test_a_genuine_message_is_published_under_its_conversation() -> None:
    lab = Lab()

    assert await lab.post(*body_of("generic/customer_message")) == RequestOutcome.PUBLISHED
    [record] = lab.events.records
    event = decode_envelope(record.value)
    assert record.key == event.data.conversation_key.encode()
    assert record.timestamp == hooks.NOW
    assert record.headers == (("content-type", b"application/cloudevents+json"),)
    assert event.recordedtime == "2026-01-05T10:05:00.000Z"
    assert lab.items("generic") == {"published": 1}


async def test_what_is_not_understood_is_kept_and_its_siblings_are_published() -> None:
    lab = Lab()
    channel, body = body_of("generic/cloudevents_batch_with_a_broken_one")

    assert await lab.post(channel, body) == RequestOutcome.DEAD_LETTERED
    [letter] = lab.dead.records
    assert lab.seal.open(letter.value) == body
    assert dict(letter.headers)["reason"] == b"schema"
    assert len(lab.events.records) == 2
    assert lab.items("generic") == {"published": 2, "invalid": 3}


async def test_a_verified_body_that_is_no_json_is_kept_whole() -> None:
    lab = Lab()

    assert await lab.post("chatwoot", b"{") == RequestOutcome.DEAD_LETTERED
    assert [dict(letter.headers)["reason"] for letter in lab.dead.records] == [b"not_json"]
    assert lab.events.records == []


async def test_an_unverified_body_is_never_stored() -> None:
    lab = Lab()

    for headers in ({}, hooks.signature("chatwoot", b"another")):
        assert await lab.post("chatwoot", b"{", headers) == RequestOutcome.UNVERIFIED
    assert lab.events.records == lab.dead.records == []


async def test_a_stale_body_is_never_stored() -> None:
    lab = Lab()
    channel, body = body_of("chatwoot/customer_message")
    old = hooks.signature(channel, body, at=hooks.NOW - 301_000)

    assert await lab.post(channel, body, old) == RequestOutcome.STALE
    assert lab.events.records == []


@pytest.mark.parametrize(("channel", "account"), [("generic", "nobody"), ("nothing", "web-1")])
async def test_an_unknown_account_is_told_apart_but_nothing_is_stored(
    channel: str, account: str
) -> None:
    lab = Lab()

    assert await lab.post(channel, b"{", account=account) == RequestOutcome.UNKNOWN_ACCOUNT
    assert lab.receiver.label("nothing") == "other"
    assert lab.dead.records == []


async def test_a_genuine_body_of_another_account_does_not_land_here() -> None:
    lab = Lab()

    outcome = await lab.post(*body_of("whatsapp/another_number_of_the_same_app"))

    assert outcome == RequestOutcome.DEAD_LETTERED
    assert lab.events.records == []
    assert lab.items("whatsapp") == {"wrong_account": 1}


@pytest.mark.parametrize("refuses", ["events", "dead"])
async def test_without_kafka_nothing_is_promised_and_the_retry_has_the_same_ids(
    refuses: str,
) -> None:
    lab = Lab()
    channel, body = body_of("generic/cloudevents_batch_with_a_broken_one")
    topic: Topic = getattr(lab, refuses)
    topic.unready = "gone"

    assert await lab.post(channel, body) == RequestOutcome.UNAVAILABLE
    assert lab.items("generic") == {}

    first = set(lab.events.ids)
    topic.unready = None
    assert await lab.post(channel, body) == RequestOutcome.DEAD_LETTERED
    assert set(lab.events.ids) >= first
    assert len(set(lab.events.ids)) == 2


async def test_nothing_to_publish_is_still_a_success() -> None:
    lab = Lab()

    assert await lab.post(*body_of("chatwoot/activity")) == RequestOutcome.IGNORED
    assert await lab.post("generic", b"[]") == RequestOutcome.IGNORED


async def test_a_provider_is_answered_in_its_own_form() -> None:
    """Twilio takes what stands in the answer for what it should send."""
    body = next(f for f in hooks.fixtures() if f.name == "twilio_sms/text").body
    request = hooks.request("twilio_sms", body)

    answer = await Lab().receiver.receive("twilio_sms", "sms-1", request)

    assert answer.reply == Reply(text="<Response/>", content_type="text/xml")


async def test_who_a_person_is_is_published_once() -> None:
    lab = Lab()
    channel, body = body_of("whatsapp/business_scoped_user")

    for _ in range(2):
        assert await lab.post(channel, body) == RequestOutcome.PUBLISHED
    types = [decode_envelope(record.value).type for record in lab.events.records]
    assert types == ["care.message.created", "care.customer.linked", "care.message.created"]
    assert lab.items("whatsapp") == {"published": 3, "repeated": 1}


async def test_only_the_declared_source_speaks_for_messages() -> None:
    accounts = tuple(
        AccountSettings(
            channel=a.channel, account=a.account, tenant=a.tenant, secrets=a.secrets,
            match=a.match, messages_from="chatwoot",
        )
        for a in hooks.account_settings()
    )  # fmt: skip
    lab = Lab(replace(SETTINGS, accounts=accounts))

    assert await lab.post(*body_of("whatsapp/text")) == RequestOutcome.IGNORED
    assert await lab.post(*body_of("chatwoot/customer_message")) == RequestOutcome.PUBLISHED
    assert lab.items("whatsapp") == {"other_authority": 1}


class Broken(Generic):
    """A channel with a bug that its own guards miss."""

    def parse(self, request: RawRequest, account: Account) -> Iterator[Draft | Skip]:
        raise ZeroDivisionError(request.body)


async def test_a_bug_of_a_channel_keeps_the_body_and_is_logged_without_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The same body would fail again: an error would only make the provider repeat it."""
    lab = Lab(GENERIC_ONLY, (Broken(),))

    assert await lab.post("generic", b"Ada Example") == RequestOutcome.DEAD_LETTERED
    assert [dict(letter.headers)["reason"] for letter in lab.dead.records] == [b"error"]
    assert "ZeroDivisionError" in caplog.text
    assert "Ada" not in caplog.text


async def test_any_other_bug_is_no_success(caplog: pytest.LogCaptureFixture) -> None:
    lab = Lab()
    lab.events.records = None  # type: ignore[assignment]

    assert await lab.post(*body_of("generic/customer_message")) == RequestOutcome.FAULT
    assert "TypeError" in caplog.text


def test_every_outcome_has_a_status() -> None:
    assert set(STATUS) == set(RequestOutcome)


def test_every_label_stands_at_zero_from_the_start() -> None:
    lab = Lab()

    assert (
        lab.registry.get_sample_value(
            "care_webhook_requests_total", {"channel": "other", "outcome": "unknown_account"}
        )
        == 0
    )
    assert (
        lab.registry.get_sample_value("care_invalid_events_total", {"reason": "wrong_account"}) == 0
    )


@pytest.mark.parametrize(
    ("account", "text"),
    [
        (AccountSettings(channel="fax", account="a", tenant="acme"), "'fax' is unknown; known are"),
        (AccountSettings(channel="generic", account="a", tenant="acme"), "no secret"),
        (
            AccountSettings(
                channel="generic", account="a", tenant="acme", secrets=(Secret("not base64!"),)
            ),
            "has not the form",
        ),
        (
            AccountSettings(
                channel="twilio_sms", account="a", tenant="acme", secrets=(Secret("token"),)
            ),
            "gateway.public_base_url is not set",
        ),
    ],
)
def test_a_door_without_a_lock_never_opens(account: AccountSettings, text: str) -> None:
    with pytest.raises(ConfigError, match=text) as refused:
        doors_of(Settings(accounts=(account,), privacy=hooks.PRIVACY), CHANNELS)

    assert "not base64!" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["care.example", "https://", "https://care.example?a=1", "https://care.example /x"]
)
def test_an_address_that_nobody_can_post_to_is_refused(address: str) -> None:
    settings = replace(SETTINGS, gateway=GatewaySettings(public_base_url=address))

    with pytest.raises(ConfigError, match=re.escape(f"gateway.public_base_url {address!r} is no")):
        doors_of(settings, CHANNELS)


async def test_a_large_body_is_taken_apart_the_same_way() -> None:
    """Above 64 KiB the work is done in a thread."""
    lab = Lab()
    _, body = body_of("generic/customer_message")
    document = json.loads(body)
    document["data"]["message"]["text"] = "x" * 100_000

    assert await lab.post("generic", json.dumps(document).encode()) == RequestOutcome.PUBLISHED
    [record] = lab.events.records
    message = decode_envelope(record.value).data.message
    assert message is not None
    assert message.chars == 100_000
