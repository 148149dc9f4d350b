"""What strangers may try at the door, and what they get from it."""

import asyncio
import json
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from carewatch.channels.generic import Generic
from carewatch.channels.outcomes import RequestOutcome
from carewatch.channels.verify import Signed, Special, Verifier
from carewatch.settings import Secret
from support import hooks
from support.doors import NOWHERE, message, running, settings
from support.receiving import GENERIC_ONLY, Lab
from support.sender import BASE


class Counting(Generic):
    """The generic channel, whose verifier counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.verifiers: tuple[Verifier, ...] = (
            Special("x-proof", check=self._check, sign=lambda _request, _secret: ""),
        )

    def _check(self, request: Signed, secret: str, now: int) -> bool:
        self.asked += 1
        return False


async def test_an_unknown_account_costs_the_work_of_a_wrong_signature() -> None:
    """Else the time of a refusal tells which accounts there are."""
    channel = Counting()
    lab = Lab(GENERIC_ONLY, (channel,))
    asked = []
    for account in ("web-1", "nobody"):
        before = channel.asked
        await lab.post("generic", b"{}", {}, account=account)
        asked.append(channel.asked - before)

    assert asked == [1, 1]


async def test_no_header_of_a_stranger_reaches_kafka() -> None:
    """An agent of Faust would write to whatever topic `Faust-Ag-ReplyTo` names."""
    lab = Lab()
    body = message(1)
    headers = hooks.signature("generic", body) | {"faust-ag-replyto": "care.facts", "x-a": "b"}

    assert await lab.post("generic", body, headers) == RequestOutcome.PUBLISHED
    assert [record.headers for record in lab.events.records] == [
        (("content-type", b"application/cloudevents+json"),)
    ]


async def test_the_tenant_is_the_doors_whatever_the_body_says() -> None:
    lab = Lab()
    document = json.loads(message(1))
    document["data"] |= {"tenant": "globex", "account_ref": "theirs", "adapter": "chatwoot"}
    document["source"] = "/care/globex/chatwoot/theirs"

    await lab.post("generic", json.dumps(document).encode())
    [record] = lab.events.records
    event = json.loads(record.value)
    assert (event["source"], event["data"]["tenant"]) == ("/care/acme/generic/web-1", "acme")
    assert (event["data"]["account_ref"], event["data"]["adapter"]) == ("web-1", "generic")


async def test_the_public_address_is_that_of_the_settings_alone(tmp_path: Path) -> None:
    """Providers that sign the address: whoever forges a proxy's headers chooses it not."""
    config = settings(
        NOWHERE, public_base_url=BASE, spool_limit_bytes=100_000, spool_dir=str(tmp_path)
    )
    fixture = next(one for one in hooks.fixtures() if one.channel == "twilio_sms")
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "x"}
    path = hooks.url_of("twilio_sms")
    elsewhere = hooks.SENDERS["twilio_sms"].sign(
        fixture.body, f"https://evil.example{path}", hooks.NOW, hooks.SECRETS["twilio_sms"]
    )
    genuine = hooks.signature("twilio_sms", fixture.body)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with running(config) as door:
        answers = [
            (await door.post("twilio_sms", fixture.body, headers | form | forged)).status
            for headers in (genuine, elsewhere)
        ]

    assert answers == [200, 401]


async def test_what_strangers_write_does_not_reach_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = settings(NOWHERE)
    odd = "canary%0d%0aERROR%1b%5b31m"
    async with running(config) as door:
        for path in (f"/hooks/{odd}/web-1", f"/hooks/generic/{odd}", f"/hooks/generic/web-1?{odd}"):
            await door.post("generic", b"canary", {"x-canary": "canary"}, path=path)
        await door.post("generic", b'{"canary":' + b"[" * 100_000)

    assert "canary" not in caplog.text


async def test_who_holds_connections_open_does_not_keep_others_out() -> None:
    async with running(settings(NOWHERE, max_connections=400)) as door:
        where = urlsplit(door.gateway.url)
        held = await asyncio.gather(
            *(asyncio.open_connection(where.hostname, where.port) for _ in range(300))
        )
        answers = [(await door.post("generic", message(n), {})).status for n in range(20)]
        for _, writer in held:
            writer.close()

    assert answers == [401] * 20


def test_a_secret_does_not_show_itself() -> None:
    account = msgspec.structs.replace(GENERIC_ONLY.accounts[0], secrets=(Secret("whsec_canary"),))

    assert "canary" not in repr(account)
