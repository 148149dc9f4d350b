"""`care.conversation.turn_inherited`: the one record that track writes into `care.events` (E14)."""

from hashlib import blake2b
from typing import Final

import msgspec
import orjson

from carewatch.domain.revisions import Revision
from carewatch.domain.times import format_time
from carewatch.wire.envelope import DATASCHEMA, SPECVERSION

TYPE: Final = "care.conversation.turn_inherited"

_NAMED: Final = TYPE.encode()


class _Probe(msgspec.Struct):
    type: str


_probe: Final = msgspec.json.Decoder(_Probe)


def encode_hand_over(tenant: str, child: str, revision: Revision) -> bytes:
    """The event that tells the parent what the conversation `child` hands over.

    Its times are those of the merge. Its id is that of the merge in the child, and the revision:
    the same after a crash, and all revisions take the same place among events of one instant.
    """
    hand_over, labels = revision.hand_over, revision.hand_over.labels
    customer = {} if labels.customer is None else {"customer_key": labels.customer}
    return orjson.dumps(
        {
            "specversion": SPECVERSION,
            "id": f"{_merge_id(tenant, child, hand_over.merge)}.{revision.number}",
            "source": f"/care/{tenant}/track",
            "type": TYPE,
            "time": format_time(hand_over.at),
            "recordedtime": format_time(hand_over.recorded),
            "partitionkey": hand_over.parent,
            "dataschema": DATASCHEMA,
            "data": {
                "tenant": tenant,
                "channel": labels.channel,
                "adapter": "carewatch",
                "account_ref": labels.account,
                "conversation_key": hand_over.parent,
                "actor": {"kind": "system"},
                **customer,
                "inherited": {
                    "from_conversation": child,
                    "merge": hand_over.merge,
                    "started_at": format_time(hand_over.started_at) if revision.stands else None,
                    "revision": revision.number,
                    "hops": hand_over.hops,
                },
            },
        }
    )


def is_hand_over(value: bytes | None) -> bool:
    """Whether a record of `care.events` was written by track, and follows from the others."""
    if value is None or _NAMED not in value:
        return False
    try:
        return _probe.decode(value).type == TYPE
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def _merge_id(tenant: str, child: str, merge: str) -> str:
    named = msgspec.msgpack.encode((tenant, child, merge))
    return blake2b(named, digest_size=16).hexdigest()
