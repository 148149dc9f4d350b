"""The dead letter of a record that a stage could not understand."""

from carewatch import __version__
from carewatch.processors.base import Output, Record
from carewatch.wire import topics
from carewatch.wire.dead import dead_headers


def dead_letter(record: Record, reason: str, *, stage: str, source: str, partition: int) -> Output:
    """The record as it was read from `source`, and headers that say where it stands and why."""
    headers = dead_headers(
        reason=reason,
        stage=stage,
        kind="record",
        original_topic=source,
        original_partition=partition,
        original_offset=record.offset,
        code_version=__version__,
    )
    return Output(topics.DEAD, 0, record.key, record.value, record.offset, headers)
