"""Dead letters fed again: whatever is counted already must not count twice."""

import base64
from collections.abc import Iterator

from carewatch.channels import CHANNELS
from carewatch.channels.base import Account, RawRequest, Skip
from carewatch.channels.drafts import Draft
from carewatch.channels.generic import Generic
from carewatch.channels.outcomes import RequestOutcome
from carewatch.engine.letters import Letter
from carewatch.gateway.dead import dead_letter
from carewatch.gateway.doors import doors_of
from carewatch.gateway.parsing import parse_again
from carewatch.gateway.producer import Outgoing
from carewatch.processors.base import Record
from carewatch.wire.dead import encode_remembered
from carewatch.wire.envelope import decode_envelope
from support import hooks
from support.receiving import GENERIC_ONLY, Lab, body_of

DOOR = doors_of(GENERIC_ONLY, CHANNELS)["generic", "web-1"]


class Ailing(Generic):
    """The generic channel on the day on which it had a bug."""

    def parse(self, request: RawRequest, account: Account) -> Iterator[Draft | Skip]:
        raise ZeroDivisionError


def letter_of(record: Outgoing) -> Letter:
    return Letter.read(Record(0, record.key, record.value, record.headers))


async def test_a_body_without_an_id_of_its_own_gets_the_id_of_its_delivery_again() -> None:
    """Standard Webhooks name a delivery in a header; without it the body has no id at all."""
    channel, body = body_of("generic/customer_message")
    counted, ailing = Lab(), Lab(GENERIC_ONLY, (Ailing(),))
    await counted.post(channel, body)
    assert await ailing.post(channel, body) == RequestOutcome.DEAD_LETTERED
    letter = letter_of(ailing.dead.records[0])

    events, reason = parse_again(
        DOOR, letter.open(ailing.seal), letter.arrived_at or 0, letter.recall(ailing.seal)
    )

    assert reason is None
    assert counted.ids() == [decode_envelope(event.value).id for _, event in events]
    assert [("care.events", event) for event in counted.events.records] == events


async def test_of_a_request_nothing_is_kept_but_what_its_channel_needs() -> None:
    """Neither the signature nor a header that somebody made up; and what is kept, is sealed."""
    channel, body = body_of("generic/customer_message")
    headers = {**hooks.signature(channel, body), "x-name": "Ada Example"}
    lab = Lab(GENERIC_ONLY, (Ailing(),))
    await lab.post(channel, body, headers)
    [record] = lab.dead.records

    assert letter_of(record).recall(lab.seal) == {"webhook-id": headers["webhook-id"]}
    assert headers["webhook-id"].encode() not in b"".join(value for _, value in record.headers)
    assert base64.b64decode(dict(record.headers)["remembered"]).startswith(b"CWD1")


def test_what_no_provider_writes_into_a_header_is_not_kept() -> None:
    """A header of a dead letter is short, whoever sends it."""
    for odd in ("m" * 257, "", "Ad\N{LATIN SMALL LETTER A WITH DIAERESIS}", "a\x00b"):
        record = dead_letter(
            b"{}",
            "schema",
            seal=None,
            channel="generic",
            account="web-1",
            received_at=hooks.NOW,
            remembered=encode_remembered({"webhook-id": odd}, ("webhook-id",)),
        )

        assert "remembered" not in dict(record.headers)
        assert letter_of(record).recall(None) == {}
