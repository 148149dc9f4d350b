"""Publishing: one transaction, every partition, one number above; nothing if nothing changed."""

import msgspec
import pytest

from carewatch.clock import system_clock
from carewatch.domain.errors import Refused
from carewatch.domain.rulebook import Document, Policy, TargetRule, Tenant
from carewatch.engine.changelog import KafkaLog
from carewatch.engine.transaction import KafkaTransaction
from carewatch.processors.base import Record
from carewatch.rulebooks.publish import (
    LEAD_MS,
    TRANSACTIONAL_ID,
    publish_rulebook,
    read_publications,
)
from carewatch.wire.envelope import RulebookEnvelope
from carewatch.wire.rulebooks import decode_document, decode_publication, encode_document
from carewatch.wire.topics import EVENTS, RULEBOOKS
from support.publishing import NOW, Store

DOCUMENT = Document(
    tenants={"acme": Tenant()},
    policies=[
        Policy(
            policy="fast",
            version=1,
            effective_from="2026-01-01T00:00:00Z",
            order=1,
            targets={"first_reply": TargetRule(all="10m")},
        )
    ],
)
OTHER = Document(tenants={"acme": Tenant(timezone="Europe/Berlin")})


async def publish(store: Store, document: Document, *, now: int = NOW) -> tuple[int, bool]:
    publication, published = await publish_rulebook(
        document, producer=store, log=store, partitions=3, clock=lambda: now
    )
    return publication.number, published


async def test_one_transaction_writes_the_same_record_everywhere() -> None:
    store = Store()

    assert await publish(store, DOCUMENT) == (1, True)

    values = {place: [record.value for record in log] for place, log in store.topics.items()}
    (value,) = values[RULEBOOKS, 0]
    assert value is not None
    assert values == {
        (RULEBOOKS, 0): [value],
        (EVENTS, 0): [value],
        (EVENTS, 1): [value],
        (EVENTS, 2): [value],
    }
    assert store.topics[RULEBOOKS, 0][0].key == b"1"
    envelope = decode_publication(value)
    assert envelope.type == "care.rulebook.published"
    assert envelope.recordedtime == "2026-01-05T10:00:00.120Z"
    assert decode_document(envelope.data.document) == DOCUMENT


@pytest.mark.parametrize(
    ("now", "effective_at"),
    [
        (NOW, "2026-01-05T10:00:06.000Z"),
        (NOW - 120, "2026-01-05T10:00:05.000Z"),
        (NOW - 119, "2026-01-05T10:00:06.000Z"),
    ],
)
async def test_it_takes_effect_on_a_whole_second_at_least_five_ahead(
    now: int, effective_at: str
) -> None:
    store = Store()

    await publish(store, DOCUMENT, now=now)

    (record,) = store.topics[RULEBOOKS, 0]
    assert decode_publication(record.value or b"").data.effective_at == effective_at


async def test_the_newest_again_publishes_nothing() -> None:
    store = Store()
    await publish(store, DOCUMENT)

    assert await publish(store, DOCUMENT) == (1, False)
    assert len(store.topics[EVENTS, 0]) == 1


async def test_numbers_grow_also_when_an_old_rulebook_returns() -> None:
    store = Store()

    numbers = [await publish(store, one) for one in (DOCUMENT, OTHER, DOCUMENT)]

    assert numbers == [(1, True), (2, True), (3, True)]
    assert [one.document for one in await read_publications(store)] == [DOCUMENT, OTHER, DOCUMENT]


async def test_the_producer_is_started_before_the_number_is_read_and_closed_after() -> None:
    store = Store()

    await publish(store, DOCUMENT)

    assert store.calls == ["start", "read", "begin", "commit", "close"]


async def test_a_batch_that_was_not_stored_is_never_committed() -> None:
    store = Store(fail=EVENTS)

    with pytest.raises(ConnectionError):
        await publish(store, DOCUMENT)

    assert store.topics == {}
    assert store.calls[-1] == "close"


async def test_a_record_that_is_no_rulebook_stops_with_a_remedy() -> None:
    store = Store()
    await publish(store, DOCUMENT)
    (record,) = store.topics[RULEBOOKS, 0]
    forged = msgspec.json.decode(record.value or b"", type=RulebookEnvelope)
    data = msgspec.structs.replace(forged.data, document=msgspec.Raw(encode_document(OTHER)))
    value = msgspec.json.encode(msgspec.structs.replace(forged, data=data))
    store.topics[RULEBOOKS, 0] = [Record(0, b"1", value, ())]

    with pytest.raises(Refused, match=r"care\.rulebooks offset 0 holds no rulebook .*Remedy"):
        await publish(store, OTHER)


@pytest.mark.broker
async def test_on_a_real_kafka_every_partition_holds_the_committed_record(
    rulebook_topics: str,
) -> None:
    options = {"bootstrap_servers": rulebook_topics}
    log = KafkaLog(options)

    async def publish_there(document: Document) -> tuple[int, bool]:
        publication, published = await publish_rulebook(
            document,
            producer=KafkaTransaction(
                TRANSACTIONAL_ID, options=options, transaction_timeout_ms=10_000
            ),
            log=log,
            partitions=3,
            clock=system_clock,
        )
        assert publication.effective_at % 1000 == 0
        return publication.number, published

    before = system_clock()
    assert await publish_there(DOCUMENT) == (1, True)
    assert await publish_there(DOCUMENT) == (1, False)
    assert await publish_there(OTHER) == (2, True)

    publications = await read_publications(log)
    assert [(one.number, one.document) for one in publications] == [(1, DOCUMENT), (2, OTHER)]
    assert publications[0].effective_at >= before + LEAD_MS
    for partition in range(3):
        end = await log.stable_end(EVENTS, partition)
        found = [record async for batch in log.read(EVENTS, partition, end) for record in batch]
        numbers = [decode_publication(record.value or b"").data.number for record in found]
        assert numbers == [1, 2]
