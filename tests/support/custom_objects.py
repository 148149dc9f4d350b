"""What operators accept, as far as deploy/k8s uses it: closed schemas, held by hand.

Of Strimzi 0.49 and later (kafka.strimzi.io/v1), the Prometheus Operator and KEDA 2. A field that is
not here may be right: add it when a manifest needs it, from the operator's own definition.
"""

from typing import Any, Final

_TEXT: Final = {"type": "string", "minLength": 1}
_TEXTS: Final = {"type": "object", "additionalProperties": _TEXT}
_COUNT: Final = {"type": "integer", "minimum": 1}
_DURATION: Final = {"type": "string", "pattern": r"^(\d+(ms|[smhd]))+$"}


def _closed(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": required | optional,
        "required": sorted(required),
        "additionalProperties": False,
    }


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": of}


def _object(version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = _closed({"name": _TEXT}, namespace=_TEXT, labels=_TEXTS, annotations=_TEXTS)
    return _closed(
        {
            "apiVersion": {"const": version},
            "kind": {"const": kind},
            "metadata": metadata,
            "spec": spec,
        }
    )


_ACL: Final = _closed(
    {
        "resource": _closed(
            {
                "type": {"enum": ["topic", "group", "cluster", "transactionalId"]},
                "name": _TEXT,
                "patternType": {"enum": ["literal", "prefix"]},
            }
        ),
        "operations": _list(
            {
                "enum": [
                    "Read", "Write", "Create", "Delete", "Alter", "Describe", "ClusterAction",
                    "AlterConfigs", "DescribeConfigs", "IdempotentWrite", "All",
                ]
            }
        ),
    },
    type={"enum": ["allow", "deny"]},
    host=_TEXT,
)  # fmt: skip

_RULE: Final = _closed(
    {"expr": _TEXT},
    record=_TEXT,
    alert=_TEXT,
    labels=_TEXTS,
    annotations=_TEXTS,
    keep_firing_for=_DURATION,
    **{"for": _DURATION},
)

_SELECTOR: Final = _closed({"matchLabels": _TEXTS})

_SCALING: Final = _closed(
    {
        "stabilizationWindowSeconds": {"type": "integer", "minimum": 0, "maximum": 3600},
        "policies": _list(
            _closed(
                {
                    "type": {"enum": ["Pods", "Percent"]},
                    "value": _COUNT,
                    "periodSeconds": {"type": "integer", "minimum": 1, "maximum": 1800},
                }
            )
        ),
    }
)

SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "KafkaTopic": _object(
        "kafka.strimzi.io/v1",
        "KafkaTopic",
        _closed({"topicName": _TEXT, "partitions": _COUNT, "replicas": _COUNT, "config": _TEXTS}),
    ),
    "KafkaUser": _object(
        "kafka.strimzi.io/v1",
        "KafkaUser",
        _closed(
            {
                "authentication": _closed({"type": {"enum": ["tls", "scram-sha-512"]}}),
                "authorization": _closed({"type": {"const": "simple"}, "acls": _list(_ACL)}),
            }
        ),
    ),
    "PodMonitor": _object(
        "monitoring.coreos.com/v1",
        "PodMonitor",
        _closed(
            {
                "selector": _SELECTOR,
                "podMetricsEndpoints": _list(
                    _closed(
                        {"port": _TEXT},
                        interval=_DURATION,
                        relabelings=_list(
                            _closed(
                                {"targetLabel": _TEXT},
                                replacement=_TEXT,
                                sourceLabels=_list(_TEXT),
                            )
                        ),
                    )
                ),
            },
            sampleLimit=_COUNT,
        ),
    ),
    "PrometheusRule": _object(
        "monitoring.coreos.com/v1",
        "PrometheusRule",
        _closed({"groups": _list(_closed({"name": _TEXT, "rules": _list(_RULE)}))}),
    ),
    "ScaledObject": _object(
        "keda.sh/v1alpha1",
        "ScaledObject",
        _closed(
            {
                "scaleTargetRef": _closed({"kind": _TEXT, "name": _TEXT}),
                "minReplicaCount": _COUNT,
                "maxReplicaCount": _COUNT,
                "pollingInterval": _COUNT,
                "advanced": _closed(
                    {
                        "horizontalPodAutoscalerConfig": _closed(
                            {"behavior": _closed({"scaleUp": _SCALING, "scaleDown": _SCALING})}
                        )
                    }
                ),
                "triggers": _list(
                    _closed(
                        {
                            "type": {"const": "kafka"},
                            # Text, all of them: KEDA refuses numbers and booleans here.
                            "metadata": _TEXTS,
                            "authenticationRef": _closed({"name": _TEXT}),
                        }
                    )
                ),
            }
        ),
    ),
    "TriggerAuthentication": _object(
        "keda.sh/v1alpha1",
        "TriggerAuthentication",
        _closed(
            {
                "secretTargetRef": _list(
                    _closed(
                        {"parameter": {"enum": ["ca", "cert", "key"]}, "name": _TEXT, "key": _TEXT}
                    )
                )
            }
        ),
    ),
}
"""By kind; every field that is used, and no other."""
