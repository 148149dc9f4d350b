"""Contact centres behind Amazon EventBridge: Amazon Connect, Genesys Cloud.

An API destination posts one event at a time; EventBridge Pipes post arrays, of events, of contact
records, or of Kinesis records that hold them. EventBridge cannot sign: it proves itself by a shared
secret, the key of an API-key connection (`x-api-key`) or the user and password of a basic one.

What its words mean here:
- A contact (Connect) or conversation (Genesys) is a call, whatever its medium; chats are web.
- Queues are known by id, or by the option `queue.<id>`; the queue of one agent is `agent`.
- Connect counts each transfer as a contact of its own. They are one conversation, known by the
  first of them, with a call each. The contact record is the roll-up of one contact, in whole
  seconds, and the only source of hold; it takes the place of what the phases came to.
- Genesys tells talk and work after it apart, so no event could be a roll-up. Each stay of an agent
  is a call of its own, whose phases lie where the durations put them: nothing is added twice.

`match` of an account: `account` (AWS), `instance` (Connect), `organization` (Genesys).
Sources: Amazon EventBridge user guide, "API destinations"; Amazon Connect administrator guide,
"Contact events", "Contact records data model"; Genesys Cloud developer centre, "Analytics detail
events"; the models of its platform SDK.
"""

import base64
import binascii
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from carewatch.channels.base import OK, Account, RawRequest, Reply, Secrets, Skip, attempt, each
from carewatch.channels.drafts import Draft
from carewatch.channels.eventbridge import connect, genesys
from carewatch.channels.fields import Fields, as_object, get_id, get_object, need_text
from carewatch.channels.verify import Basic, StaticHeader, Verifier
from carewatch.domain.errors import InvalidRecord

_CONNECT: Final = "aws.connect"
_GENESYS: Final = "aws.partner/genesys.com/cloud/"


class EventBridge:
    """`POST /hooks/eventbridge/{account}`."""

    name = "eventbridge"
    source_role: Literal["contact_center"] = "contact_center"
    version = "1"
    verifiers: tuple[Verifier, ...] = (StaticHeader("x-api-key"), Basic())
    body_limit: int | None = None
    remembers: tuple[str, ...] = ()
    success = OK

    def challenge(self, request: RawRequest, secrets: Secrets, account: Account) -> Reply | None:
        """EventBridge has no handshake."""
        del request, secrets, account
        return None

    def parse(self, request: RawRequest, account: Account) -> Iterator[Draft | Skip]:
        body = request.json()

        def item(value: object, path: str) -> Iterator[Draft | Skip]:
            return _item(_unpacked(as_object(value, path)), path, account, request.received_at)

        if isinstance(body, list):
            yield from each(body, "body", item)
        else:
            yield from attempt(body, "body", item)


ADAPTER: Final = EventBridge()


def _unpacked(item: Fields) -> Fields:
    """What a Kinesis record holds; anything else is itself."""
    if get_id(item, "eventSource") != "aws:kinesis":
        return item
    try:
        held = msgspec.json.decode(base64.b64decode(need_text(item, "data"), validate=True))
    except (msgspec.DecodeError, binascii.Error, ValueError, RecursionError) as error:
        raise InvalidRecord("schema", "data") from error
    return as_object(held, "data")


def _item(item: Fields, path: str, account: Account, received_at: int) -> Iterator[Draft | Skip]:
    if "AWSContactTraceRecordFormatVersion" in item:
        yield from _of(
            account,
            {"account": get_id(item, "AWSAccountId"), "instance": connect.instance(item)},
            path,
            connect.record(item, received_at),
        )
        return
    source, kind = need_text(item, "source"), need_text(item, "detail-type")
    detail = get_object(item, "detail")
    stated = {"account": get_id(item, "account")}
    if source == _CONNECT and kind == connect.CONTACT_EVENT:
        stated["instance"] = connect.instance(detail)
        told = connect.event(item, detail, path, account, received_at)
    elif source.startswith(_GENESYS) and kind.startswith(genesys.TOPIC):
        stated["organization"] = source.removeprefix(_GENESYS).partition("/")[0]
        told = genesys.event(kind, detail, path, account, received_at)
    else:
        yield Skip(reason="unmapped", path=path)
        return
    yield from _of(account, stated, path, told)


def _of(
    account: Account, stated: dict[str, str | None], path: str, told: Iterator[Draft | Skip]
) -> Iterator[Draft | Skip]:
    """What is told, unless it is told of another account than the URL's."""
    for name, value in stated.items():
        if name in account.match and value != account.match[name]:
            yield Skip(reason="wrong_account", path=path)
            return
    yield from told
