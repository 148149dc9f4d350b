"""`care.commands`: what operators order the workers to do. Few and rare, each with its own id."""

from typing import Final, Literal, Union

import msgspec

from carewatch.domain.errors import InvalidRecord
from carewatch.domain.times import format_time

SPECVERSION: Final = "1.0"
DATASCHEMA: Final = "care-command/1.0"
SOURCE: Final = "/care/commands"

StageName = str
"""The name of a processor: track, customer, merge."""

Offset = int


class _Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`by` is who gave the order: a person on duty or a job, for the record."""

    by: str


class Release(_Order, frozen=True, kw_only=True):
    """Go on with a partition that stopped above its limit of dead letters.

    What stands below `until_offset` of the source is no longer counted.
    """

    stage: StageName
    partition: int
    until_offset: Offset


class Pause(_Order, frozen=True, kw_only=True):
    """Stop working on a partition until it is resumed."""

    stage: StageName
    partition: int


class Resume(_Order, frozen=True, kw_only=True):
    """Go on with a paused partition."""

    stage: StageName
    partition: int


class Accept(_Order, frozen=True, kw_only=True):
    """Go on from this marker, although the source or the group says otherwise.

    It holds for this one value of the marker: a later loss is refused again.
    """

    stage: StageName
    partition: int
    marker: Offset


class Redrive(_Order, frozen=True, kw_only=True):
    """Dead letters were fed again, from one offset of `care.dead` up to below another.

    For the record: the command that writes it does the work.
    """

    partition: int
    from_offset: Offset
    until_offset: Offset


Order = Union[Release, Pause, Resume, Accept, Redrive]  # noqa: UP007 - also needed at run time

TYPES: Final[dict[str, type[Order]]] = {
    "care.command.release": Release,
    "care.command.pause": Pause,
    "care.command.resume": Resume,
    "care.command.accept": Accept,
    "care.command.redrive": Redrive,
}
_TYPE_OF: Final = {kind: name for name, kind in TYPES.items()}


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """An order with its id: the same id is the same order, carried out once."""

    id: str
    order: Order


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: str
    dataschema: str
    data: msgspec.Raw


_envelope: Final = msgspec.json.Decoder(_Envelope)


def encode_command(order: Order, *, id_: str, at: int) -> bytes:
    """The JSON of an order given at `at` (ms)."""
    return msgspec.json.encode(
        _Envelope(
            specversion=SPECVERSION,
            id=id_,
            source=SOURCE,
            type=_TYPE_OF[type(order)],
            time=format_time(at),
            dataschema=DATASCHEMA,
            data=msgspec.Raw(msgspec.json.encode(order)),
        )
    )


def decode_command(value: bytes | None) -> Command:
    """One order; raises InvalidRecord for what is none."""
    if value is None:
        raise InvalidRecord("no_value")
    try:
        envelope = _envelope.decode(value)
        kind = TYPES.get(envelope.type)
        if kind is None:
            raise InvalidRecord("unknown_type")
        order = msgspec.json.decode(envelope.data, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidRecord("schema") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRecord("not_json") from error
    return Command(id=envelope.id, order=order)
