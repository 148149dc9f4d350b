"""`care.customer` (internal): what customers and their sessions did, and the clocks of track.

Array-like MessagePack with a version. Records of a customer are keyed by tenant and customer, so
that all of one customer stand in one partition; a clock goes to every partition.
"""

from typing import Final

import msgspec

from carewatch.domain.days import Day
from carewatch.domain.errors import InvalidRecord
from carewatch.domain.facts import Contact
from carewatch.wire.partials import CLOCK_PREFIX, END_OF_TIME_MS
from carewatch.wire.partitions import partition_of as partition_of_key
from carewatch.wire.unreadable import UNREADABLE

VERSION: Final = 1
MOST_HOPS: Final = 8
"""What was passed on from customer to customer so often stays where it is: links go in circles."""


class Told(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """A contact came true (`sign` 1), or is taken back (-1).

    `day` is the tenant's local day of it. Windows that ended before `open_from` are closed for the
    conversation (W4). `hops` counts how often links passed the contact on (E23), lastly to the
    customer `to`; None: it stands where its labels say.
    """

    version: int
    tenant: str
    conversation: str
    contact: Contact
    sign: int
    day: Day
    open_from: int
    hops: int = 0
    to: str | None = None

    @property
    def customer(self) -> str | None:
        """In whose row it belongs."""
        return self.contact.labels.customer if self.to is None else self.to


class Linked(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """From `at` on what `customer` does is done by `into`: they are one person (E23)."""

    version: int
    tenant: str
    customer: str
    into: str
    at: int


class Erased(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    """The customer must be forgotten; what was counted stays counted (E12, E23)."""

    version: int
    tenant: str
    customer: str
    at: int


class Clock(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    """The clock of a partition of `care.events`, as in `wire.partials.ClockRecord`.

    `max_lateness_ms` is the longest that any window stays open after its end.
    """

    version: int
    partition: int
    sources: int
    position: int
    clock: int
    tick: int
    max_lateness_ms: int


OfCustomer = Told | Linked | Erased
Record = OfCustomer | Clock

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final[msgspec.msgpack.Decoder[Record]] = msgspec.msgpack.Decoder(Record)


def encode(record: Record) -> bytes:
    """MessagePack of a record."""
    return _encoder.encode(record)


def customer_key(tenant: str, customer: str | None) -> bytes:
    """The record key of a customer."""
    return _encoder.encode((tenant, customer))


def key_of(record: Record) -> bytes:
    """The record key: of the customer, or of the clock."""
    if isinstance(record, Clock):
        return CLOCK_PREFIX + f"track|{record.partition}".encode()
    return customer_key(record.tenant, record.customer)


def partition_of(record: OfCustomer, partitions: int) -> int:
    """The partition of `care.customer` in which everything of the customer stands."""
    return partition_of_key(key_of(record), partitions)


def decode(key: bytes | None, value: bytes | None) -> Record:
    """A record of `care.customer`; raises InvalidRecord."""
    if key is None or value is None:
        raise InvalidRecord("no_key" if key is None else "no_value")
    try:
        record = _decoder.decode(value)
    except UNREADABLE as error:
        raise InvalidRecord("schema") from error
    if record.version != VERSION:
        raise InvalidRecord("version")
    if key_of(record) != key:
        raise InvalidRecord("wrong_key")
    instants: tuple[int, ...]
    match record:
        case Told():
            instants = (record.contact.at, *record.day)
            if record.customer is None or abs(record.sign) != 1 or record.hops > MOST_HOPS:
                raise InvalidRecord("schema", "told")
        case Linked() | Erased():
            instants = (record.at,)
        case Clock():
            instants = (record.clock, record.tick)
            if not 0 <= record.partition < record.sources:
                raise InvalidRecord("schema", "clock")
    if any(not 0 <= at < END_OF_TIME_MS for at in instants):
        raise InvalidRecord("time")
    return record
