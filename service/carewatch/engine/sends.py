"""What one flush sends, as messages by topic and partition."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from carewatch.engine.ports import Message
from carewatch.engine.tally import Driven, driven_header
from carewatch.processors.base import Flush
from carewatch.wire.rows import MARKER_KEY

Place = tuple[str, int]
"""A topic and one of its partitions."""


def sends_of(
    flush: Flush, driven: Driven, changelog: str, number: int
) -> Mapping[Place, Sequence[Message]]:
    """The outputs, each with its position and number in sequence; then the rows, the marker last.

    `number` is the source partition, and so the changelog's.
    """
    sends: dict[Place, list[Message]] = defaultdict(list)
    for output in flush.outputs:
        sequence = driven.number(output.topic, output.partition)
        headers = (
            *output.headers,
            ("position", f"{number}:{output.position}".encode()),
            ("sequence", str(sequence).encode()),
        )
        sends[output.topic, output.partition].append(Message(output.key, output.value, headers))
    rows = [Message(row.key, row.value) for row in flush.rows]
    rows.append(Message(MARKER_KEY, flush.marker, (driven_header(driven),)))
    sends[changelog, number] = rows
    return sends
