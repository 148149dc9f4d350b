"""Reads what customers write from `care.text` and tells carewatch what it says of their mood.

    export GATEWAY=http://127.0.0.1:8080 CARE_ANNOTATOR_SECRET=whsec_...
    python docs/examples/annotator/annotator.py [HOST:PORT]

The words stay here; what goes back is `care.message.annotated`, through the gateway's generic door
of the account `annotator` (docs/channels/generic.md says how it is set up). Each text is committed
once its annotation is safe, and an annotation has the id of its text: after a crash some are sent
again, and count once.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import sys
import time

import aiohttp
from aiokafka import AIOKafkaConsumer
from lexicon import annotations  # any function: a text in, annotations out

DOOR = os.environ.get("GATEWAY", "http://127.0.0.1:8080") + "/hooks/generic/annotator"
SECRET = base64.b64decode(os.environ["CARE_ANNOTATOR_SECRET"].removeprefix("whsec_"))
SAME = ("channel", "conversation_key", "account_ref", "source_role")
"""What an annotation says again of its message: it speaks of that conversation, for its source."""


def annotated(text: dict[str, object], data: dict[str, str]) -> bytes:
    """The event for a record of `care.text` with this `data`."""
    said = {
        **{name: data[name] for name in SAME},
        "actor": {"kind": "system"},
        "message": {"key": data["message_key"]},
        "annotations": annotations(data["text"]),
    }
    event = {"id": text["id"], "type": "care.message.annotated", "time": text["time"], "data": said}
    return json.dumps(event).encode()


def signed(message_id: str, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks."""
    at = str(int(time.time()))
    digest = hmac.digest(SECRET, f"{message_id}.{at}.".encode() + body, hashlib.sha256)
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": message_id, "webhook-timestamp": at, "webhook-signature": signature}


async def post(session: aiohttp.ClientSession, message_id: str, body: bytes) -> None:
    """Returns when the gateway has it; what it cannot take now is sent again when it says so."""
    while True:
        headers = {"content-type": "application/cloudevents+json", **signed(message_id, body)}
        async with session.post(DOOR, data=body, headers=headers) as answer:
            if answer.status not in (429, 503):
                answer.raise_for_status()
                return
            pause = int(answer.headers.get("Retry-After", "2"))
        await asyncio.sleep(pause)


async def follow(servers: str) -> None:
    """Every text, one after the other, from where the last run left off."""
    options = {"group_id": "annotator", "auto_offset_reset": "earliest"}
    async with (
        AIOKafkaConsumer(
            "care.text", bootstrap_servers=servers, enable_auto_commit=False, **options
        ) as texts,
        aiohttp.ClientSession() as session,
    ):
        async for record in texts:
            text = json.loads(record.value)
            await post(session, text["id"], annotated(text, text["data"]))
            await texts.commit()


asyncio.run(follow(*sys.argv[1:] or ["127.0.0.1:9092"]))
