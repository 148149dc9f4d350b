"""Writes what the manifests of this folder share with the code: `python deploy/k8s/generate.py`.

| written | from |
|---|---|
| `base/config/` | `deploy/config`: kustomize reads nothing outside its folder; and its volume |
| `components/strimzi/topics.yaml` | the topic catalogue, with the counts of PRODUCTION |
| `components/strimzi/users.yaml` | the rights of every role |
| `components/monitoring/rules.yaml` | `deploy/prometheus/rules`, word for word |

A test compares the files with what this file says.
"""

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from textwrap import indent
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO

from carewatch.engine.catalogue import partition_count, topic_config
from carewatch.settings import KafkaSettings
from carewatch.wire.access import ROLES, Right, Role, rights
from carewatch.wire.topics import TOPICS

HERE: Final = Path(__file__).parent
CONFIG: Final = HERE.parent / "config"
RULES: Final = HERE.parent / "prometheus" / "rules"

CLUSTER: Final = "care"
"""The name of Strimzi's Kafka cluster; topics and users carry it."""

PRODUCTION: Final = KafkaSettings(partitions=32, replication_factor=3, min_insync_replicas=2)
"""What topics are born with; base/kustomization.yaml says the same to the processes."""

LEFT_OUT: Final[frozenset[Role]] = frozenset({"admin"})
"""Nobody logs in as the administrator: Strimzi's topic operator makes the topics."""

_TYPES: Final = {"transactional_id": "transactionalId"}


def _made(of: str) -> str:
    return f"# Made by deploy/k8s/generate.py from {of}: edit that, and run it.\n"


def _dumped(document: dict[str, Any]) -> str:
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 100
    text = StringIO()
    yaml.dump(document, text)
    return str(text.getvalue())


def _documents(of: str, documents: Iterator[dict[str, Any]]) -> str:
    return _made(of) + "---\n".join(_dumped(one) for one in documents)


def _config_files() -> dict[str, str]:
    """The copies, by their path below the folder; a ConfigMap's keys have no slashes."""
    paths = sorted(path for path in CONFIG.rglob("*.yaml") if path.is_file())
    return {str(path.relative_to(CONFIG)): path.read_text(encoding="utf-8") for path in paths}


def _key(path: str) -> str:
    return path.replace("/", ".")


def config() -> dict[str, str]:
    """`base/config`: the copy, the ConfigMap made of it, and the volume that mounts it."""
    files = _config_files()
    volumes = [
        {
            "name": "config",
            "configMap": {
                "name": "carewatch-config",
                "items": [{"key": _key(path), "path": path} for path in files],
            },
        }
    ]
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "configMapGenerator": [
            {"name": "carewatch-config", "files": [f"{_key(path)}={path}" for path in files]}
        ],
    }
    in_pods = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "every"},
        "spec": {"template": {"spec": {"volumes": volumes}}},
    }
    in_jobs = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "every"},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": {"volumes": volumes}}}}},
    }
    made = {
        "kustomization.yaml": kustomization,
        "in-pods.yaml": in_pods,
        "in-jobs.yaml": in_jobs,
    }
    return files | {name: _made("deploy/config") + _dumped(one) for name, one in made.items()}


def _named(name: str) -> dict[str, Any]:
    return {"name": name, "labels": {"strimzi.io/cluster": CLUSTER}}


def topics() -> Iterator[dict[str, Any]]:
    """A KafkaTopic for each topic of the catalogue, in its order."""
    for topic in TOPICS:
        yield {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaTopic",
            "metadata": _named(topic.name.replace(".", "-")),
            "spec": {
                "topicName": topic.name,
                "partitions": partition_count(topic, PRODUCTION),
                "replicas": PRODUCTION.replication_factor,
                "config": topic_config(topic, PRODUCTION),
            },
        }


def users() -> Iterator[dict[str, Any]]:
    """A KafkaUser for each role, known by its certificate, with its rights and no others."""
    for role, granted in groupby(rights(), lambda one: one.role):
        if role in LEFT_OUT:
            continue
        yield {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaUser",
            "metadata": _named(f"carewatch-{role}")
            | {"annotations": {"carewatch/runs": ROLES[role]}},
            "spec": {
                "authentication": {"type": "tls"},
                "authorization": {"type": "simple", "acls": list(_acls(granted))},
            },
        }


def _acls(granted: Iterator[Right]) -> Iterator[dict[str, Any]]:
    for (resource, name, prefix), same in groupby(
        granted, lambda one: (one.resource, one.name, one.prefix)
    ):
        yield {
            "type": "allow",
            "resource": {
                "type": _TYPES.get(resource, resource),
                "name": name,
                "patternType": "prefix" if prefix else "literal",
            },
            "operations": sorted(one.operation for one in same),
            "host": "*",
        }


def rules() -> str:
    """A PrometheusRule for each file of rules; comments come along."""
    documents = []
    for path in sorted(RULES.glob("*.yml")):
        head = {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": f"carewatch-{path.stem}"},
        }
        text = path.read_text(encoding="utf-8")
        documents.append(_dumped(head) + "spec:\n" + indent(text, "  "))
    return _made("deploy/prometheus/rules") + "---\n".join(documents)


def files() -> dict[Path, str]:
    """Every file that is made, by its path."""
    strimzi = HERE / "components" / "strimzi"
    copied = {HERE / "base" / "config" / name: text for name, text in config().items()}
    return copied | {
        strimzi / "topics.yaml": _documents("carewatch.wire.topics", topics()),
        strimzi / "users.yaml": _documents("carewatch.wire.access", users()),
        HERE / "components" / "monitoring" / "rules.yaml": rules(),
    }


def main() -> None:
    made = files()
    for path in (HERE / "base" / "config").rglob("*.yaml"):
        if path not in made:
            path.unlink()
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {len(made)} files below {HERE}\n")


if __name__ == "__main__":
    main()
