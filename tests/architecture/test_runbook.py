"""What the runbook says to write means what it says."""

import json

from carewatch.wire.envelope import Envelope
from support import hooks
from support.documents import ROOT, blocks

RUNBOOK = ROOT / "deploy" / "RUNBOOK.md"


def of_channel(channel: str, body: bytes) -> Envelope:
    (event,) = hooks.events(channel, body)
    assert isinstance(event, Envelope)
    return event


def test_an_erasure_names_the_person_as_the_channel_did() -> None:
    (written,) = (one.text for one in blocks(RUNBOOK) if one.language == "json")
    message = (ROOT / "tests" / "channels" / "whatsapp" / "button_reply.json").read_bytes()
    number = json.loads(written)["data"]["external_refs"][0]["key"]
    assert number.encode() in message

    erasure = of_channel("generic", written.encode())

    assert erasure.type == "care.customer.erased"
    assert erasure.data.customer_key is not None
    assert [(one.kind, one.key) for one in erasure.data.external_refs] == [
        ("customer", of_channel("whatsapp", message).data.customer_key)
    ]
