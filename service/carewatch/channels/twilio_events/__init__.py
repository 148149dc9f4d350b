"""Twilio's contact centre: TaskRouter, Conversations and Voice, by Event Streams or by callbacks.

Event Streams post arrays of CloudEvents; TaskRouter's event callback, the webhooks of Conversations
and the status callbacks of Voice post forms. Both say the same and give the same ids, so an account
that gets both counts everything once. All are signed like any webhook of Twilio.

What its words mean here:
- A task is a call, whatever its medium, with its stays in queues; each reservation that a worker
  accepts is a call of its own: talk from accepted to wrapup, the work after it up to completed.
- A task, a conversation and a call that name each other are one conversation.
- A worker is known by the identity of his `contact_uri`, as in Conversations, else by the SID.
- Who writes in a conversation under an address, or an identity that begins as option `customers`
  says (default `FX`, as Flex names web visitors), is the customer; identities listed in option
  `bots` are programs, `system` is the system, all others agents.
- `in-progress` of a plain call is the answer of a program, not of a person. Where there is no
  TaskRouter, option `voice: alone` makes an agent of whom the call is dialled on to.

`match` of an account: `account_sid`, `workspace_sid`. `options`: `queue.<SID>`, `channel` (of all
but voice, default `web`: answers do not say it), `customers`, `bots` (commas between), `voice`.
Sources: Twilio documentation, "TaskRouter events reference", "Event Streams event types",
"Conversations webhooks", "Call status callbacks".
"""

import re
from collections.abc import Iterator
from typing import Final, Literal

from carewatch.channels.base import Account, RawRequest, Reply, Secrets, Skip, attempt, each
from carewatch.channels.drafts import Draft
from carewatch.channels.fields import Fields, as_object, get_id, get_object, get_text, need_text
from carewatch.channels.twilio import SIGNATURE
from carewatch.channels.twilio_events import conversations, taskrouter, voice
from carewatch.channels.twilio_events.sides import from_form, plain_names
from carewatch.channels.verify import Verifier

_FORM: Final = re.compile(rb"[A-Za-z][A-Za-z0-9_.]*=")
"""How a form begins, and no JSON. (Headers would say it, but are gone when a body is fed again.)"""

_TASKROUTER: Final = "com.twilio.taskrouter."
_CONVERSATIONS: Final = "com.twilio.conversations."
_VOICE: Final = re.compile(r"com\.twilio\.voice\.(?:webhook\.)?status-callback\.call\.[a-z-]+")


class TwilioEvents:
    """`POST /hooks/twilio_events/{account}`."""

    name = "twilio_events"
    source_role: Literal["contact_center"] = "contact_center"
    version = "1"
    verifiers: tuple[Verifier, ...] = (SIGNATURE,)
    body_limit: int | None = None
    remembers: tuple[str, ...] = ()
    success = Reply(status=204, content_type="application/json")
    """What TaskRouter wants; the others take any success."""

    def challenge(self, request: RawRequest, secrets: Secrets, account: Account) -> Reply | None:
        """Twilio has no handshake."""
        del request, secrets, account
        return None

    def parse(self, request: RawRequest, account: Account) -> Iterator[Draft | Skip]:
        def form(item: object, path: str) -> Iterator[Draft | Skip]:
            return _callback(as_object(item, path), path, account, request.received_at)

        def cloud_event(item: object, path: str) -> Iterator[Draft | Skip]:
            return _event(as_object(item, path), path, account, request.received_at)

        if _FORM.match(request.body):
            yield from attempt(from_form(request.form()), "body", form)
            return
        body = request.json()
        if isinstance(body, list):
            yield from each(body, "body", cloud_event)
        else:
            yield from attempt(body, "body", cloud_event)


ADAPTER: Final = TwilioEvents()


def _event(item: Fields, path: str, account: Account, received_at: int) -> Iterator[Draft | Skip]:
    """One CloudEvent; its `datacontenttype` is a date in Twilio's own examples: not looked at."""
    kind = need_text(item, "type")
    data = get_object(item, "data")
    if kind.startswith(_TASKROUTER):
        fields = get_object(data, "payload")
        fields = fields | {"sid": get_id(fields, "sid") or get_id(item, "id")}
        yield from _taskrouter(kind.removeprefix(_TASKROUTER), fields, path, account, received_at)
    elif kind.startswith(_CONVERSATIONS):
        fields = plain_names(data)
        yield from _of(
            fields,
            path,
            account,
            conversations.event(
                kind.removeprefix(_CONVERSATIONS), fields, path, account, received_at
            ),
        )
    elif _VOICE.fullmatch(kind):
        fields = voice.parameters(data)
        yield from _of(fields, path, account, voice.event(fields, path, account, received_at))
    else:
        yield Skip(reason="unmapped", path=path)


def _callback(
    fields: Fields, path: str, account: Account, received_at: int
) -> Iterator[Draft | Skip]:
    """One form, told apart by what it names."""
    kind = get_text(fields, "event_type")
    if "call_status" in fields:
        yield from _of(fields, path, account, voice.event(fields, path, account, received_at))
    elif kind is not None and "workspace_sid" in fields:
        yield from _taskrouter(kind, fields, path, account, received_at)
    elif kind is not None and kind.startswith("on"):
        told = conversations.callback(kind, fields, path, account, received_at)
        yield from _of(fields, path, account, told)
    else:
        yield Skip(reason="unmapped", path=path)


def _taskrouter(
    kind: str, fields: Fields, path: str, account: Account, received_at: int
) -> Iterator[Draft | Skip]:
    yield from _of(
        fields, path, account, taskrouter.event(kind, fields, path, account, received_at)
    )


def _of(
    fields: Fields, path: str, account: Account, told: Iterator[Draft | Skip]
) -> Iterator[Draft | Skip]:
    """What is told, unless it is told of another account than the URL's."""
    owner, workspace = get_id(fields, "account_sid"), get_id(fields, "workspace_sid")
    expected = account.match.get("account_sid")
    if (expected is not None and owner != expected) or (
        workspace is not None and account.match.get("workspace_sid", workspace) != workspace
    ):
        yield Skip(reason="wrong_account", path=path)
        return
    yield from told
