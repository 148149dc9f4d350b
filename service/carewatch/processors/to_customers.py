"""Records of `care.customer`, each to where it belongs: track writes them, and the customer stage
itself what links pass on."""

from collections.abc import Iterator

from carewatch.processors.base import Output
from carewatch.wire import customers, topics
from carewatch.wire.customers import Clock, OfCustomer


def to_customer(record: OfCustomer, targets: int, position: int) -> Output:
    """What is told of a customer, to the one of `targets` partitions in which they stand."""
    target = customers.partition_of(record, targets)
    value = customers.encode(record)
    return Output(topics.CUSTOMER, target, customers.key_of(record), value, position)


def clocks_to_customers(clock: Clock, targets: int) -> Iterator[Output]:
    """The clock of a partition of `care.events`, to every partition of `care.customer`."""
    key, value = customers.key_of(clock), customers.encode(clock)
    for target in range(targets):
        yield Output(topics.CUSTOMER, target, key, value, clock.position)
