"""Where a conversation stands: the same place for the gateway, track, replay and any client."""

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from carewatch.wire.partitions import partition_of


@given(key=st.binary(max_size=80), partitions=st.integers(1, 100))
def test_the_partition_is_the_one_that_a_stock_client_chooses(key: bytes, partitions: int) -> None:
    assert DefaultPartitioner()(key, list(range(partitions)), []) == partition_of(key, partitions)


@pytest.mark.parametrize(("key", "partition"), [("c1", 3), ("c2", 5), ("c_9f2kq7m4x1", 6)])
def test_the_partition_of_a_key_never_changes(key: str, partition: int) -> None:
    """Another answer would part a conversation from what the log already holds of it."""
    assert partition == partition_of(key.encode(), 8)
