"""Stories as the WhatsApp Cloud API sends them: entry, changes, messages, statuses.

Replies are not in the webhooks of this API. Their `sent` statuses are, and say that somebody
replied; `delivered` and `read` follow in any order and change nothing.
"""

import base64
from typing import Any, Final

from carewatch.simulate.request import Door
from carewatch.simulate.story import Said, Step, Story
from carewatch.simulate.written import Written, body_of, digest_of, number_of

DISPLAY_NUMBER: Final = "15550100001"
BUSINESS_ACCOUNT: Final = "102290129340398"


def write_whatsapp(story: Story, run: str, door: Door) -> list[Written]:
    """One body for each message or run of messages sent together, one for each reply's statuses."""
    wa_id = _wa_id(story, run)
    written: list[Written] = []
    group: list[Said] = []
    for index, step in enumerate(story.steps):
        said = _expect_message(step)
        if said.author != "customer":
            written += _reply(said, index, story, run, door)
            continue
        group.append(said)
        following = story.steps[index + 1 :]
        if following and isinstance(following[0], Said) and following[0].together:
            continue
        first = index + 1 - len(group)
        messages = [
            _inbound(each, _wamid(run, story, first + place), wa_id)
            for place, each in enumerate(group)
        ]
        value = _value(door) | {
            "contacts": [{"profile": {"name": f"Customer {story.number}"}, "wa_id": wa_id}],
            "messages": messages,
        }
        written.append(_delivery(value, said.at_ms, run, story, index, single=len(group) == 1))
        group = []
    return written


def _expect_message(step: Step) -> Said:
    if isinstance(step, Said) and step.author in {"customer", "agent"} and not step.note:
        return step
    raise ValueError(f"WhatsApp cannot tell of {step!r}: give the story to a helpdesk")


def _inbound(said: Said, wamid: str, wa_id: str) -> dict[str, Any]:
    return {
        "from": wa_id,
        "id": wamid,
        "timestamp": str(said.at_ms // 1000),
        "text": {"body": said.text},
        "type": "text",
    }


def _reply(said: Said, index: int, story: Story, run: str, door: Door) -> list[Written]:
    """The statuses of a reply; now and then `delivered` comes in the same batch, before `sent`."""
    wamid = _wamid(run, story, index)
    wa_id = _wa_id(story, run)
    sent = _status("sent", wamid, wa_id, said.at_ms)
    delivered = _status("delivered", wamid, wa_id, said.at_ms + 1000)
    if story.number % 3 == 0:
        value = _value(door) | {"statuses": [delivered, sent]}
        return [_delivery(value, said.at_ms + 1000, run, story, index, single=False)]
    first = _value(door) | {"statuses": [sent]}
    then = _value(door) | {"statuses": [delivered]}
    return [
        _delivery(first, said.at_ms, run, story, index, single=False),
        _delivery(then, said.at_ms + 1000, run, story, index, single=False),
    ]


def _status(status: str, wamid: str, wa_id: str, at_ms: int) -> dict[str, Any]:
    return {
        "id": wamid,
        "status": status,
        "timestamp": str(at_ms // 1000),
        "recipient_id": wa_id,
        "conversation": {"id": wamid[-24:], "origin": {"type": "service"}},
        "pricing": {"billable": False, "pricing_model": "PMP", "category": "service"},
    }


def _value(door: Door) -> dict[str, Any]:
    return {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": DISPLAY_NUMBER,
            "phone_number_id": door.provider_account,
        },
    }


def _delivery(
    value: dict[str, Any], at_ms: int, run: str, story: Story, index: int, *, single: bool
) -> Written:
    document = {
        "object": "whatsapp_business_account",
        "entry": [{"id": BUSINESS_ACCOUNT, "changes": [{"value": value, "field": "messages"}]}],
    }
    return Written(
        at_ms=at_ms,
        body=body_of(document),
        delivery=f"{run}-{story.number}-{index}",
        single=single,
    )


def _wa_id(story: Story, run: str) -> str:
    """A number of 15 digits in a range that is used for fiction."""
    return f"1555{int(run, 16) % 100_000:05d}{story.number % 1_000_000:06d}"


def _wamid(run: str, story: Story, index: int) -> str:
    return (
        "wamid." + base64.b64encode(digest_of("wamid", run, number_of(story, run), index)).decode()
    )
