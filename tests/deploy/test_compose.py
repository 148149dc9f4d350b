"""docker-compose.yml and the Dockerfile, compared with the code: no container engine is needed.

Whether the images build and start is not seen here; that every name in the files is one that the
code, its settings or the other files know, is.
"""

import json
import re
import shlex
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import click
import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from carewatch import __version__
from carewatch.cli import COMMANDS, main
from carewatch.overrides import PREFIX, list_variables
from carewatch.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("carewatch:")}
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
VARIABLES = list_variables(Settings)
DEFAULTS = Settings()


def scrape_jobs(path: Path) -> dict[str, dict[str, Any]]:
    return {job["job_name"]: job for job in YAML(typ="safe").load(path)["scrape_configs"]}


def targets(job: dict[str, Any]) -> list[str]:
    return [target for group in job["static_configs"] for target in group["targets"]]


def test_the_file_is_a_compose_file() -> None:
    """By the specification's own schema, as a package ships it."""
    path = distribution("check-jsonschema").locate_file(
        "check_jsonschema/builtin_schemas/vendor/compose-spec.json"
    )
    schema = json.loads(Path(str(path)).read_text(encoding="utf-8"))

    jsonschema_rs.validator_for(schema).validate(json.loads(json.dumps(COMPOSE)))


def test_every_image_has_an_exact_version() -> None:
    images = [one["image"] for one in SERVICES.values()]

    assert [image for image in images if not re.search(r":v?\d+\.\d+\.\d+$", image)] == []


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_command_that_exists(name: str) -> None:
    """Its options, too: the command reads them as it would in the container."""
    words = OURS[name]["command"]
    command: click.Command | None = main
    context = click.Context(main)
    while words and isinstance(command, click.Group):
        command, words = command.get_command(context, words[0]), words[1:]
    assert command is not None

    command.make_context(name, list(words))


def test_every_process_of_carewatch_is_a_service() -> None:
    run = {one["command"][0] for one in OURS.values()}

    assert {"topics", "rulebook", "gateway", "worker", "board", "simulate"} == run
    assert run - COMMANDS.keys() == set()


@pytest.mark.parametrize("name", OURS)
def test_its_variables_are_settings(name: str) -> None:
    environment = OURS[name]["environment"]
    known = {*VARIABLES, f"{PREFIX}CONFIG"}

    assert [variable for variable in environment if variable not in known] == []


def test_what_others_must_reach_listens_beyond_its_own_container() -> None:
    assert OURS["gateway"]["environment"]["CAREWATCH_GATEWAY_HOST"] == "0.0.0.0"
    assert OURS["board"]["environment"]["CAREWATCH_BOARD_HOST"] == "0.0.0.0"
    for name in ("worker-1", "worker-2"):
        host = OURS[name]["environment"]["CAREWATCH_WORKER_METRICS_HOST"]
        assert host == "0.0.0.0"


def test_workers_have_places_of_their_own() -> None:
    slots = [OURS[name]["environment"]["CAREWATCH_WORKER_SLOT"] for name in OURS
             if OURS[name]["command"] == ["worker"]]  # fmt: skip

    assert len(slots) == len(set(slots)) == 2


def test_ports_are_those_of_the_settings_and_closed_to_other_machines() -> None:
    published = {
        name: [port.split(":") for port in one.get("ports", [])] for name, one in SERVICES.items()
    }

    assert published["gateway"] == [["127.0.0.1", "8080", str(DEFAULTS.gateway.port)]]
    assert published["board"] == [["127.0.0.1", "9108", str(DEFAULTS.board.port)]]
    assert {port[0] for ports in published.values() for port in ports} == {"127.0.0.1"}


def test_health_is_asked_where_it_answers() -> None:
    asked = {
        name: re.findall(r"http://127\.0\.0\.1:(\d+)(/\w+)", " ".join(one["healthcheck"]["test"]))
        for name, one in OURS.items()
        if "healthcheck" in one
    }

    assert asked == {
        "gateway": [(str(DEFAULTS.gateway.metrics_port), "/readyz")],
        "worker-1": [(str(DEFAULTS.worker.metrics_port), "/livez")],
        "worker-2": [(str(DEFAULTS.worker.metrics_port), "/livez")],
        "board": [(str(DEFAULTS.board.port), "/readyz")],
    }


def test_the_probe_fails_where_nothing_answers() -> None:
    """The one line that is run in the container is Python that says no by its exit code."""
    words = OURS["board"]["healthcheck"]["test"]

    assert words[:3] == ["CMD", "python", "-c"]
    with pytest.raises(OSError, match=r"Connection refused|urlopen error"):
        exec(words[3].replace("9108", "1"), {})


def test_services_wait_for_what_they_need() -> None:
    def waits(name: str) -> dict[str, str]:
        needed = SERVICES[name].get("depends_on", {})
        return {other: how["condition"] for other, how in needed.items()}

    assert waits("topics") == {"kafka": "service_healthy"}
    assert waits("rulebook") == {"topics": "service_completed_successfully"}
    for name in ("gateway", "worker-1", "worker-2", "board"):
        assert waits(name) == {"rulebook": "service_completed_successfully"}


def test_mounted_files_exist_and_named_volumes_are_declared() -> None:
    mounted = [
        volume.split(":")[0] for one in SERVICES.values() for volume in one.get("volumes", [])
    ]
    paths = [ROOT / source for source in mounted if source.startswith(".")]
    named = {source for source in mounted if not source.startswith(".")}

    assert [str(path) for path in paths if not path.exists()] == []
    assert named == COMPOSE["volumes"].keys()


def test_the_secrets_are_those_that_the_configuration_refers_to() -> None:
    referred = set(
        re.findall(r"env:(CARE_\w+)", (ROOT / "deploy/config/carewatch.yaml").read_text())
    )
    sample = (ROOT / "deploy/config/.env.example").read_text().splitlines()
    given = {line.split("=")[0] for line in sample if line and not line.startswith("#")}

    assert referred <= given
    assert [name for name, one in OURS.items() if "env_file" in one] == [
        "gateway", "worker-1", "worker-2", "simulate",
    ]  # fmt: skip


def test_prometheus_has_the_jobs_that_the_rules_rely_on() -> None:
    here = scrape_jobs(ROOT / "deploy/compose/prometheus.yml")
    there = scrape_jobs(ROOT / "deploy/prometheus/prometheus.yml")

    assert {name: job.get("sample_limit") for name, job in here.items()} == {
        name: job.get("sample_limit") for name, job in there.items()
    }
    assert {name: targets(job) for name, job in here.items()} == {
        "care-gateway": [f"gateway:{DEFAULTS.gateway.metrics_port}"],
        "care-worker": [
            f"{name}:{DEFAULTS.worker.metrics_port}" for name in ("worker-1", "worker-2")
        ],
        "care-board": [f"board:{DEFAULTS.board.port}"],
    }


def test_our_containers_may_do_little() -> None:
    for one in OURS.values():
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]


def test_the_image_holds_locked_packages_and_runs_without_rights() -> None:
    lines = [line for line in DOCKERFILE.splitlines() if not line.startswith("#")]
    final = "\n".join(lines).split("FROM ")[-1]

    assert "--require-hashes" in DOCKERFILE
    assert re.search(r"^USER 10001$", final, re.MULTILINE)
    assert shlex.split(final[final.index("ENTRYPOINT") :].split("\n")[0].replace(",", " "))[1:] == [
        "[python", "-m", "carewatch]",
    ]  # fmt: skip


def test_every_stage_stands_on_a_base_pinned_by_digest() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)

    assert set(bases) == {"${PYTHON}"}
    assert re.search(
        r"^ARG PYTHON=python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE
    )


def test_what_the_image_copies_exists_and_is_sent_to_the_builder() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)
    allowed = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]

    assert copied
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert sorted(copied) == sorted(allowed)


def test_the_compose_files_version_is_that_of_the_code() -> None:
    assert {one["image"] for one in OURS.values()} == {f"carewatch:{__version__}"}
