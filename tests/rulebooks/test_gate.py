"""A gate: in every partition or in none, and never one that nobody could pass."""

import pytest
from click.testing import CliRunner

from carewatch import __version__
from carewatch.cli import main
from carewatch.domain.errors import ConfigError
from carewatch.rulebooks.gate import check_gate, publish_gate
from carewatch.wire.events import Gate, decode_event
from carewatch.wire.topics import EVENTS
from support.publishing import NOW, Store


async def test_one_transaction_writes_a_gate_that_workers_understand_into_every_partition() -> None:
    store = Store()

    await publish_gate("0.1.0", producer=store, partitions=3, clock=lambda: NOW)

    assert store.calls == ["start", "begin", "commit", "close"]
    assert list(store.topics) == [(EVENTS, 0), (EVENTS, 1), (EVENTS, 2)]
    for (record,) in store.topics.values():
        assert decode_event(record.key, record.value) == Gate("0.1.0")


async def test_a_batch_that_was_not_stored_is_never_committed() -> None:
    store = Store(fail=EVENTS)

    with pytest.raises(ConnectionError):
        await publish_gate("0.1.0", producer=store, partitions=3, clock=lambda: NOW)

    assert store.topics == {}
    assert store.calls[-1] == "close"


def test_the_own_version_and_those_before_it_may_be_demanded() -> None:
    check_gate(__version__)
    check_gate("0.0.9")


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("9999.0.0", "VERSION 9999.0.0 is above this carewatch, which is"),
        ("2", "is not three numbers with dots between"),
        ("0.1", "is not three numbers with dots between"),
        ("0.1.0rc1", "is not three numbers with dots between"),
        ("v0.1.0", "is not three numbers with dots between"),
    ],
)
def test_what_would_stop_every_worker_for_good_is_refused(version: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check_gate(version)

    refused = CliRunner().invoke(main, ["rulebook", "gate", version])
    assert refused.exit_code == 2
    assert "Error" not in refused.output
    assert "name the one that the workers run" in refused.output
