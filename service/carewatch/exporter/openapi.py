"""What the board answers, in the words of OpenAPI 3.1.

It is served, and kept as schemas/board.openapi.yaml. Names and bounds come from the code that reads
and writes them.
"""

from collections.abc import Mapping
from typing import Any, Final

from carewatch.exporter.api import FILTERS, RECENT, RECENT_MAX
from carewatch.exporter.query import LONGEST, TOKEN
from carewatch.exporter.shapes import instant, ref, shapes
from carewatch.exporter.stream import PARAMETERS, QUIET_S, RETRY_MS
from carewatch.settings import BoardSettings

Part = dict[str, Any]

_BEARER: Final = "bearer"
_SAYS: Final = """\
The newest computed metrics, for pages and programs of your own; nothing here changes anything.

Within v1 paths, parameters, fields and their meaning stay. Fields, metrics, labels, windows and
parameters may be added: ignore what you do not know. What else has to change becomes v2, beside v1.
The messages of the stream are those of the wall page, and may change with any version.

Where `board.token` is set, everything but the probes asks for it."""


def document() -> Part:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "carewatch board",
            "version": "1",
            "description": _SAYS,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {
                "url": f"http://127.0.0.1:{BoardSettings().port}",
                "description": "The defaults of board.host and board.port.",
            }
        ],
        "security": [{}, {_BEARER: []}, {TOKEN: []}],
        "paths": {
            "/api/v1/board": {"get": _board()},
            "/api/v1/stream": {"get": _stream()},
            "/api/v1/openapi.json": {"get": _itself()},
            "/metrics": {"get": _metrics()},
            "/livez": {"get": _probe("livez", "Whether the process works", "ok")},
            "/readyz": {"get": _probe("readyz", "Whether there is something to show", "ready")},
        },
        "components": {
            "securitySchemes": {
                _BEARER: {"type": "http", "scheme": "bearer"},
                TOKEN: {
                    "type": "apiKey",
                    "in": "query",
                    "name": TOKEN,
                    "description": "For pages: a browser sends no header with their first request.",
                },
            },
            "responses": {
                "Wrong": _text("A parameter is wrong; the text names it and what would be right."),
                "Unauthorized": {
                    **_text("The token is missing or wrong."),
                    "headers": {
                        "WWW-Authenticate": {"schema": {"type": "string"}, "required": True}
                    },
                },
                "NotReady": {
                    **_text("Nothing can be shown yet, or no more at once; the text says why."),
                    "headers": {"Retry-After": {"schema": {"type": "integer"}, "required": True}},
                },
            },
            "schemas": shapes(),
        },
    }


def _board() -> Part:
    says = {
        "metric": "Only series of these metrics, ids of docs/metrics.md; others are refused.",
        "tenant": "Only series of these tenants.",
        "channel": "Only series of these channels.",
        "queue": "Only series of these queues; `none` for those without.",
    }
    filters = [
        _parameter(name, says[name], {"type": "array", "items": _text_of()}, explode=True)
        for name in FILTERS
    ]
    bounds = {"type": "integer", "minimum": 1, "maximum": RECENT_MAX, "default": RECENT}
    recent = _parameter("recent", "How many windows of each size, the newest first.", bounds)
    return _get(
        "getBoard",
        "The newest value of every series",
        {
            **_content("The board as of now.", "application/json", ref("Board")),
            "headers": {"Cache-Control": {"schema": {"const": "no-store"}}},
        },
        refusals=("Wrong", "Unauthorized", "NotReady"),
        parameters=[*filters, recent],
        description=(
            "A parameter that is given several times asks for any of its values; several "
            "parameters ask for all of them. The watermark is of the whole board in any case."
        ),
    )


def _stream() -> Part:
    says = {
        "view": "Which page of the wall.",
        "tenant": "Of this tenant alone.",
        "channel": "Of this channel alone.",
    }
    message = {
        "type": "object",
        "description": (
            "What the wall shows. Beyond these fields it may change with any version of carewatch."
        ),
        "required": ["generated_at", "version", "watermark"],
        "properties": {
            "generated_at": instant("the board's clock"),
            "version": {"type": "string", "description": "of carewatch"},
            "watermark": instant("up to when every result is complete", missing=True),
        },
    }
    return _get(
        "getStream",
        "The messages of the wall as server-sent events",
        _content(
            f"`retry: {RETRY_MS}`, then events of `id` (the board's clock in milliseconds) and "
            "`data`: one line of JSON, a whole message each, soon after something has changed "
            f"and at least every {QUIET_S:g} s. Missed ones are not sent again.",
            "text/event-stream",
            {"type": "string", "contentMediaType": "application/json", "contentSchema": message},
        ),
        refusals=("Wrong", "Unauthorized", "NotReady"),
        parameters=[_parameter(name, says[name], _text_of()) for name in PARAMETERS],
    )


def _itself() -> Part:
    schema = {"type": "object", "required": ["openapi", "info", "paths"]}
    content = _content("OpenAPI 3.1.", "application/vnd.oai.openapi+json", schema)
    return _get("getDescription", "This description", content, refusals=("Unauthorized",))


def _metrics() -> Part:
    return _get(
        "getMetrics",
        "The metrics for Prometheus",
        {
            "description": "In the format that `Accept` asks for.",
            "content": {
                kind: {"schema": {"type": "string"}}
                for kind in ("text/plain", "application/openmetrics-text")
            },
        },
        refusals=("Unauthorized", "NotReady"),
    )


def _probe(name: str, says: str, good: str) -> Part:
    answers = _text(f"Yes: `{good}`, and what people should know although it works.")
    return {
        **_get(name, says, answers),
        "security": [],
        "responses": {"200": answers, "503": _text("No; the text says why.")},
    }


_STATUS: Final = {"Wrong": "400", "Unauthorized": "401", "NotReady": "503"}


def _get(
    name: str, says: str, answer: Part, *, refusals: tuple[str, ...] = (), **further: object
) -> Part:
    refused = {_STATUS[one]: {"$ref": f"#/components/responses/{one}"} for one in refusals}
    return {
        "operationId": name,
        "summary": says,
        **further,
        "responses": {"200": answer, **refused},
    }


def _parameter(name: str, says: str, schema: Part, **further: bool) -> Part:
    return {"name": name, "in": "query", "description": says, "schema": schema, **further}


def _text_of() -> Part:
    return {"type": "string", "maxLength": LONGEST}


def _content(says: str, kind: str, schema: Mapping[str, object]) -> Part:
    return {"description": says, "content": {kind: {"schema": schema}}}


def _text(says: str) -> Part:
    return _content(says, "text/plain", {"type": "string"})
