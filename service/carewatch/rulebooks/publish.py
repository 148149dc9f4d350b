"""Publishing a rulebook: one transaction into every partition of `care.events`."""

from dataclasses import dataclass
from typing import Final

from carewatch.clock import Clock
from carewatch.domain.errors import InvalidRecord, Refused
from carewatch.domain.rulebook import Document
from carewatch.domain.times import parse_time
from carewatch.engine.ports import Log, Message, TransactionalProducer
from carewatch.wire.envelope import CONTENT_TYPE
from carewatch.wire.rulebooks import (
    decode_document,
    decode_publication,
    encode_document,
    encode_publication,
    hash_document,
)
from carewatch.wire.topics import EVENTS, RULEBOOKS

TRANSACTIONAL_ID: Final = "carewatch-rulebook"
LEAD_MS: Final = 5000
"""A rulebook takes effect this much later: by then its record stands in every partition."""


@dataclass(frozen=True, slots=True)
class Publication:
    """One published rulebook; `effective_at` in milliseconds."""

    number: int
    hash: str
    effective_at: int
    document: Document


async def read_publications(log: Log) -> list[Publication]:
    """Every rulebook on `care.rulebooks`, by number; raises Refused for a record that is none."""
    found: dict[int, Publication] = {}
    end = await log.stable_end(RULEBOOKS, 0)
    async for records in log.read(RULEBOOKS, 0, end):
        for record in records:
            if record.value is None:
                continue
            try:
                published = decode_publication(record.value).data
                publication = Publication(
                    published.number,
                    published.hash,
                    parse_time(published.effective_at),
                    decode_document(published.document),
                )
            except InvalidRecord as error:
                raise Refused(
                    f"{RULEBOOKS} offset {record.offset} holds no rulebook ({error}); only "
                    "`carewatch rulebook publish` may write there. Remedy: if a newer carewatch "
                    "wrote it, use that version; else find out who did"
                ) from error
            found[publication.number] = publication
    return [found[number] for number in sorted(found)]


async def publish_rulebook(
    document: Document,
    *,
    producer: TransactionalProducer,
    log: Log,
    partitions: int,
    clock: Clock,
) -> tuple[Publication, bool]:
    """Publishes `document` unless it is the newest rulebook already; says which, and whether.

    The producer is started first: whoever else is publishing is fenced, so the number read
    afterwards is still the newest when the transaction commits. `partitions` is the number of
    partitions of `care.events`. The producer is closed in any case; after an exception the
    outcome is unknown, and publishing again settles it.
    """
    canonical = encode_document(document)
    try:
        await producer.start()
        known = await read_publications(log)
        if known and known[-1].hash == hash_document(canonical):
            return known[-1], False
        now = clock()
        number = known[-1].number + 1 if known else 1
        effective_at = -(-(now + LEAD_MS) // 1000) * 1000
        value = encode_publication(
            number=number, canonical=canonical, effective_at=effective_at, recorded_at=now
        )
        await producer.begin()
        stored = list(
            await producer.send(
                RULEBOOKS, 0, [Message(str(number).encode(), value, (CONTENT_TYPE,))]
            )
        )
        for partition in range(partitions):
            stored += await producer.send(
                EVENTS, partition, [Message(None, value, (CONTENT_TYPE,))]
            )
        for batch in stored:
            await batch
        await producer.commit()
    finally:
        await producer.close()
    return Publication(number, hash_document(canonical), effective_at, document), True
