"""The catalogue against what a cluster has: missing, different, refused."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as with_settings

from carewatch.engine.catalogue import Found, Plan, partition_count, plan_topics, topic_config
from carewatch.settings import KafkaSettings
from carewatch.wire.topics import BY_NAME, TOPICS

KAFKA = KafkaSettings(partitions=3, partials_partitions=2, metrics_partitions=5)


def right() -> dict[str, Found]:
    """A cluster on which everything is as the catalogue says."""
    return {
        topic.name: Found(
            partitions=partition_count(topic, KAFKA),
            replicas=1,
            config=topic_config(topic, KAFKA),
            overridden=frozenset(topic_config(topic, KAFKA)),
        )
        for topic in TOPICS
    }


def with_config(name: str, **changes: str) -> dict[str, Found]:
    """The right cluster but for settings of one topic; `cleanup_policy` is cleanup.policy."""
    changed = {key.replace("_", "."): value for key, value in changes.items()}
    there = right()[name]
    return right() | {
        name: replace(
            there,
            config={**there.config, **changed},
            overridden=there.overridden | changed.keys(),
        )
    }


def test_an_empty_cluster_lacks_every_topic_with_the_counts_of_the_settings() -> None:
    plan = plan_topics({}, KAFKA)

    assert [topic.name for topic in plan.missing] == [topic.name for topic in TOPICS]
    assert {topic.name: topic.partitions for topic in plan.missing} == {
        "care.commands": 1,
        "care.probe": 1,
        "care.rulebooks": 1,
        "care.events": 3,
        "care.text": 3,
        "care.facts": 3,
        "care.sla": 3,
        "care.late": 3,
        "care.customer": 3,
        "care.partials": 2,
        "care.metrics": 5,
        "care.dead": 1,
        "care.state.track": 3,
        "care.state.customer": 3,
        "care.state.merge": 2,
    }
    assert (plan.differs, plan.refused) == ((), ())


def test_a_right_cluster_needs_nothing() -> None:
    assert plan_topics(right(), KAFKA) == Plan(missing=(), differs=(), refused=())


def test_the_default_counts_are_eight_four_eight() -> None:
    default = KafkaSettings()

    assert partition_count(BY_NAME["care.events"], default) == 8
    assert partition_count(BY_NAME["care.partials"], default) == 4
    assert partition_count(BY_NAME["care.metrics"], default) == 8


def test_the_events_on_the_cluster_rule_the_counts_of_what_follows_them() -> None:
    plan = plan_topics({"care.events": right()["care.events"]}, KafkaSettings(partitions=16))

    assert {wanted.name: wanted.partitions for wanted in plan.missing}["care.facts"] == 3
    assert [remark.topic for remark in plan.refused] == ["care.events"]
    assert "set kafka.partitions to 3" in plan.refused[0].says


@pytest.mark.parametrize(
    ("name", "beside"),
    [("care.facts", "care.events"), ("care.state.merge", "care.partials")],
)
def test_a_count_that_does_not_fit_its_source_is_refused(name: str, beside: str) -> None:
    plan = plan_topics(right() | {name: replace(right()[name], partitions=9)}, KAFKA)

    assert [remark.topic for remark in plan.refused] == [name]
    assert f"as {beside} has" in plan.refused[0].says
    assert "fixed at birth" in plan.refused[0].says


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("care.state.track", {"cleanup_policy": "delete"}),
        ("care.facts", {"cleanup_policy": "compact"}),
        ("care.state.merge", {"cleanup_policy": "compact,delete"}),
        ("care.dead", {"max_message_bytes": "1048588"}),
        ("care.events", {"message_timestamp_type": "LogAppendTime"}),
    ],
)
def test_settings_that_would_lose_results_are_refused_with_the_remedy(
    name: str, changes: dict[str, str]
) -> None:
    plan = plan_topics(with_config(name, **changes), KAFKA)

    assert [remark.topic for remark in plan.refused] == [name]
    assert "--add-config" in plan.refused[0].says


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("care.facts", {"retention_ms": "1000"}, "retention.ms=1000, wanted 2592000000"),
        ("care.facts", {"flush_ms": "5"}, "flush.ms=5 was set by someone"),
    ],
)
def test_what_an_operator_may_choose_is_named_and_left(
    name: str, changes: dict[str, str], says: str
) -> None:
    plan = plan_topics(with_config(name, **changes), KAFKA)

    assert plan.refused == ()
    assert [remark.topic for remark in plan.differs] == [name]
    assert says in plan.differs[0].says


def test_larger_messages_than_needed_are_nobodys_business() -> None:
    plan = plan_topics(with_config("care.dead", max_message_bytes="99999999"), KAFKA)

    assert plan == Plan(missing=(), differs=(), refused=())


def test_fewer_replicas_than_wanted_are_named() -> None:
    plan = plan_topics(right(), with_settings(KAFKA, replication_factor=3))

    assert {remark.topic for remark in plan.differs} == set(BY_NAME)
    assert "1 replicas, wanted 3" in plan.differs[0].says
