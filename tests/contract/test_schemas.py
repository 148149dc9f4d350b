"""Schemas, examples and code say the same."""

import json
from inspect import signature
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import meta

from carewatch.domain import facts
from carewatch.domain.aggregates import Deadline
from carewatch.domain.facts import Labels, Sample, SessionFact, SlaTransition
from carewatch.domain.ledger import Change, LateReason
from carewatch.domain.metric import BASE_LABELS, DAY, ROLLING, Kind, Window
from carewatch.domain.metrics import BY_ID, COMPUTED
from carewatch.domain.points import (
    Aged,
    Moment,
    Pane,
    Point,
    Share,
    Soonest,
    Spread,
    Tally,
    Value,
)
from carewatch.domain.rulebook import TARGETS, Document
from carewatch.processors.base import Output
from carewatch.wire import envelope, points, results
from carewatch.wire.dead import REASONS, dead_headers
from carewatch.wire.rulebooks import decode_document, decode_publication
from carewatch.wire.topics import BY_NAME, Topic
from support.consumer_form import open_form
from support.schemas import (
    FOLDER,
    PUBLIC,
    complaints,
    complaints_of,
    consumer_file,
    described,
    examples,
    schema,
    shape,
    structs,
    topic_table,
)

EXAMPLES = [(topic, path) for topic in PUBLIC for path in examples(topic)]
each_topic = pytest.mark.parametrize("topic", PUBLIC, ids=lambda topic: str(topic.name))
each_example = pytest.mark.parametrize(
    ("topic", "path"), EXAMPLES, ids=[f"{topic.name}/{path.stem}" for topic, path in EXAMPLES]
)
LABELS = Labels("web", "web-1", "billing", "none", "normal", None, "u1", 1)
NOON = 1_767_614_400_000


def definitions(name: str) -> dict[str, Any]:
    found: dict[str, Any] = schema(name)["definitions"]
    return found


@each_topic
def test_the_open_form_for_consumers_is_made_of_the_schema(
    topic: Topic, pytestconfig: pytest.Config
) -> None:
    expected = open_form(schema(str(topic.schema)))
    meta.validate(expected)

    if pytestconfig.getoption("update_tables"):
        consumer_file(topic).write_text(json.dumps(expected, indent=2) + "\n", "utf-8")
    assert json.loads(consumer_file(topic).read_text("utf-8")) == expected


@each_example
def test_an_example_is_valid(topic: Topic, path: Path) -> None:
    assert complaints(str(topic.schema), json.loads(path.read_text("utf-8"))) == []


@each_example
def test_an_example_with_a_field_too_many_is_not(topic: Topic, path: Path) -> None:
    value = json.loads(path.read_text("utf-8"))

    assert complaints(str(topic.schema), {**value, "surprise": 1}) != []
    if isinstance(value.get("data"), dict):
        assert complaints(str(topic.schema), {**value, "data": {**value["data"], "x": 1}}) != []


def test_records_that_are_not_as_their_schemas_say_are_found() -> None:
    right = (FOLDER / "examples/care.sla/1/breached.json").read_bytes()
    wrong = json.dumps({**json.loads(right), "surprise": 1}).encode()

    written = [
        Output("care.sla", 0, b"c1", right, 0),
        Output("care.sla", 0, b"c1", wrong, 1),
        Output("care.metrics", 0, b"k", None, 2),
        Output("care.dead", 0, None, b"no JSON", 3),
        Output("care.partials", 0, b"p", b"no JSON", 4),
    ]

    assert [(topic, value) for topic, _, value in complaints_of(written)] == [
        ("care.sla", json.loads(wrong))
    ]


@pytest.mark.parametrize(
    "time",
    ["2026-01-05T10:00:00Z", "2026-01-05T10:00:00.000+01:00", "2026-13-05T10:00:00.000Z", "", 0],
)
def test_a_time_is_utc_with_milliseconds(time: object) -> None:
    path = FOLDER / "examples" / "care.events" / "1" / "message.created.json"
    value = json.loads(path.read_text("utf-8"))

    assert complaints("care.events.v1", {**value, "time": time}) != []


def event_examples() -> list[Path]:
    return [
        path
        for path in examples(BY_NAME["care.events"])
        if json.loads(path.read_text("utf-8"))["type"] in envelope.REQUIRED
    ]


@pytest.mark.parametrize("path", event_examples(), ids=lambda path: path.stem)
def test_the_codec_reads_an_event_and_writes_it_back_the_same(path: Path) -> None:
    text = path.read_bytes()

    event = envelope.decode_envelope(text)

    assert json.loads(envelope.encode_event(event)) == json.loads(text)


def test_every_type_of_event_has_an_example() -> None:
    types = {json.loads(path.read_text())["type"] for path in examples(BY_NAME["care.events"])}

    assert types == {*envelope.REQUIRED, *envelope.CONTROL_TYPES}


@pytest.mark.parametrize(
    ("type_", "section"),
    [(type_, section) for type_, needs in envelope.REQUIRED.items() for section in needs],
)
def test_an_event_without_the_section_its_type_needs_is_refused(type_: str, section: str) -> None:
    path = FOLDER / "examples" / "care.events" / "1" / f"{type_.removeprefix('care.')}.json"
    value = json.loads(path.read_text("utf-8"))
    del value["data"][section]

    assert any(section in complaint for complaint in complaints("care.events.v1", value))


def test_the_events_schema_has_the_fields_and_lists_of_the_codec() -> None:
    expected = structs(
        [
            envelope.Envelope,
            envelope.Tick,
            envelope.RulebookEnvelope,
            envelope.VersionGateEnvelope,
        ]
    )
    for there, here in (
        ("Envelope", "Event"),
        ("RulebookEnvelope", "Rulebook"),
        ("VersionGateEnvelope", "Gate"),
    ):
        expected[here] = expected.pop(there)
    # Stricter than the codec, which takes types and documents it does not know.
    expected["Event"]["type!"] = "one of " + ", ".join(sorted(envelope.REQUIRED))
    expected["RulebookPublished"]["document!"] = "object"

    actual = {name: described(one) for name, one in definitions("care.events.v1").items()
              if name != "Time"}  # fmt: skip

    assert actual == expected


def test_the_rulebook_schema_has_the_fields_and_lists_of_the_document() -> None:
    expected = structs([Document])

    actual = {name: described(definitions("care.rulebooks.v1")[name]) for name in expected}

    assert actual == expected


@pytest.mark.parametrize("path", examples(BY_NAME["care.rulebooks"]), ids=lambda path: path.stem)
def test_a_rulebook_example_is_a_publication_with_the_right_hash(path: Path) -> None:
    value = json.loads(path.read_text("utf-8"))

    publication = decode_publication(json.dumps(value, separators=(",", ":")).encode())

    assert decode_document(publication.data.document) != Document()


def change(sign: int, corrects: str | None) -> Change:
    return Change(result=SAMPLE, sign=sign, cause="e1", id="r1", corrects=corrects)


SAMPLE = Sample(LABELS, "first_response_time", NOON, NOON + 5)


@given(
    sign=st.sampled_from([(1, None), (-1, "r0")]),
    outcome=st.sampled_from([None, *get_args(envelope.QueueOutcome)]),
    business_ms=st.none() | st.integers(0, 10**9),
    transition=st.sampled_from(get_args(facts.Transition)),
    state=st.sampled_from(get_args(facts.SlaState)),
    before=st.sampled_from([None, *get_args(facts.SlaState)]),
    target=st.sampled_from(TARGETS),
    due_at=st.none() | st.just(NOON),
)
def test_whatever_the_results_codec_writes_is_valid(
    *,
    sign: tuple[int, str | None],
    outcome: str | None,
    business_ms: int | None,
    transition: facts.Transition,
    state: facts.SlaState,
    before: facts.SlaState | None,
    target: str,
    due_at: int | None,
) -> None:
    sample = Sample(LABELS, "queue_wait_time", NOON, NOON + 5, outcome, business_ms)
    session = SessionFact(LABELS, transition, NOON)
    sla = SlaTransition(
        labels=LABELS, policy="p", policy_version=1, target=target, cycle=1, from_=before,
        to=state, at=NOON, due_at=due_at, started_at=NOON, elapsed_ms=0, reason="due",
    )  # fmt: skip
    said = change(*sign)

    written = [
        ("care.facts.v1", results.encode_sample("acme", "c1", sample, said)),
        ("care.facts.v1", results.encode_session("acme", "c1", session, said)),
        ("care.sla.v1", results.encode_sla("acme", "c1", sla, said)),
    ]

    assert [complaints(name, json.loads(value)) for name, value in written] == [[], [], []]


@pytest.mark.parametrize("reason", get_args(LateReason))
def test_a_late_record_is_valid(reason: str) -> None:
    value = results.encode_late("acme", "e1", NOON, reason, b'{"id":"e1"}')

    assert complaints("care.late.v1", json.loads(value)) == []


def value_of(kind: Kind, window: Window) -> Value:
    match kind:
        case Kind.DISTRIBUTION:
            return Spread(
                count=1, sum=5, min=5, max=5, p50=5, p90=5, p95=5, p99=5, buckets=((5, 1),),
                classic=tuple([1] + [0] * 32) if window == "total" else None,
            )  # fmt: skip
        case Kind.RATIO:
            return Share(1, 2)
        case Kind.INSTANT:
            return Moment(None)
        case Kind.AGES:
            return Aged(1, tuple([1] + [0] * 32))
        case Kind.DEADLINES:
            return Soonest((Deadline(NOON, "c1", "standard", "first_reply"),))
        case _:
            return Tally(3)


@pytest.mark.parametrize(
    ("metric", "window"),
    [
        (metric.id, window)
        for metric in COMPUTED
        for window in (*metric.windows, *(ROLLING if "1m" in metric.windows else ()))
    ],
)
def test_a_point_of_every_metric_and_window_is_valid(metric: str, window: Window) -> None:
    start = None if window in {"total", "now"} else NOON
    value = value_of(BY_ID[metric].kind, window)
    point = Point(
        metric=metric,
        labels=("acme", "web", "none", "normal", *(["x"] * len(BY_ID[metric].labels))),
        window=window,
        start=start,
        pane="early",
        revision=1,
        time=NOON,
        value=value,
        gross=value if window == "total" else None,
        ends=NOON + 3_600_000 if window == DAY or window in ROLLING else None,
        provisional=BY_ID[metric].horizon_ms > 0 and window == DAY,
    )

    assert complaints("care.metrics.v1", json.loads(points.encode_point(point))) == []


def test_the_lists_of_the_metrics_schema_are_those_of_the_catalogue(
    pytestconfig: pytest.Config,
) -> None:
    if pytestconfig.getoption("update_tables"):
        update_metrics_schema()
    fields = definitions("care.metrics.v1")["Data"]["properties"]
    labels = {points.RENAMED.get(name, name) for one in COMPUTED for name in one.labels}
    fixed = {"metric", "window", "start", "end", "pane", "revision", "unit", "gross", "provisional"}
    values = set(definitions("care.metrics.v1")["Values"]["properties"])

    assert fields["metric"]["enum"] == [one.id for one in COMPUTED]
    assert fields["window"]["enum"] == list(get_args(Window))
    assert fields["pane"]["enum"] == list(get_args(Pane))
    assert set(fields) == {*BASE_LABELS, *labels, *fixed, *values}


def update_metrics_schema() -> None:
    document = schema("care.metrics.v1")
    fields = document["definitions"]["Data"]["properties"]
    for name in sorted({name for one in COMPUTED for name in one.labels}):
        says = "A label of some metrics: docs/metrics.md says of which."
        new = {"description": says, "type": "string"}
        fields.setdefault(points.RENAMED.get(name, name), new)
    fields["metric"]["enum"] = [one.id for one in COMPUTED]
    fields["window"]["enum"] = list(get_args(Window))
    text = json.dumps(document, indent=2) + "\n"
    (FOLDER / "care.metrics.v1.schema.json").write_text(text, "utf-8")


def test_the_lists_of_the_other_schemas_are_those_of_the_code() -> None:
    facts_, sla = definitions("care.facts.v1"), definitions("care.sla.v1")["Sla"]["properties"]
    late = definitions("care.late.v1")["Late"]["properties"]["data"]["properties"]
    channel = definitions("care.events.v1")["Data"]["properties"]["channel"]

    assert facts_["Session"]["properties"]["transition"]["enum"] == list(get_args(facts.Transition))
    assert sla["to"]["enum"] == list(get_args(facts.SlaState))
    assert sla["target"]["enum"] == list(TARGETS)
    assert late["reason"]["enum"] == list(get_args(LateReason))
    assert shape(sla["channel"]) == shape(channel)


def test_the_dead_letters_headers_are_those_of_the_code() -> None:
    headers = schema("care.dead.v1")

    added_by_the_engine = {"position", "sequence"}

    assert set(headers["properties"]) == {*signature(dead_headers).parameters, *added_by_the_engine}
    assert headers["properties"]["reason"]["enum"] == list(REASONS)


def test_the_table_of_topics_is_the_catalogue(pytestconfig: pytest.Config) -> None:
    readme = FOLDER / "README.md"
    text = readme.read_text("utf-8")
    head, _, rest = text.partition("--update-tables -->\n")
    table, _, tail = rest.partition("<!-- /topics -->")

    if pytestconfig.getoption("update_tables"):
        readme.write_text(f"{head}--update-tables -->\n{topic_table()}\n<!-- /topics -->{tail}")
        return
    assert table.strip() == topic_table()
