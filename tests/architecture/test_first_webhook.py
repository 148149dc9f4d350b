"""The webhook of the README is run as it stands there, and is what the gateway accepts."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from carewatch.channels.base import Account, RawRequest, Secrets
from carewatch.channels.drafts import Draft
from carewatch.channels.generic import ADAPTER, SIGNATURE
from carewatch.channels.verify import Verdict, verify
from carewatch.clock import system_clock

ROOT = Path(__file__).parents[2]


class Receiver(HTTPServer):
    """Takes one request and answers 202."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.taken: list[RawRequest] = []


class Answer(BaseHTTPRequestHandler):
    """Keeps the request for the test to look at."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        assert isinstance(self.server, Receiver)
        self.server.taken.append(
            RawRequest(
                method="POST", url=self.path, headers=headers, body=body,
                received_at=system_clock(),
            )
        )  # fmt: skip
        self.send_response(202)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Quiet: the test looks at the request itself."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def sample_secret() -> str:
    lines = (ROOT / "deploy" / "config" / ".env.example").read_text().splitlines()
    return next(line.split("=", 1)[1] for line in lines if line.startswith("CARE_GENERIC"))


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_the_readmes_webhook_is_signed_and_understood(receiver: Receiver, shell: str) -> None:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    snippet = text.split("<!-- webhook -->\n```sh\n")[1].split("```")[0]
    environ = {
        "PATH": "/usr/bin:/bin",
        "CARE_GENERIC_WEB_1_SECRET": sample_secret(),
        "GATEWAY": f"http://127.0.0.1:{receiver.server_port}",
    }

    result = subprocess.run(
        [found, "-eu", "-c", snippet], env=environ, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr
    (request,) = receiver.taken
    assert request.url == "/hooks/generic/web-1"
    assert json.loads(request.body)["type"] == "care.message.created"
    secrets = Secrets(signing=(sample_secret(),))
    assert verify([SIGNATURE], request, secrets, system_clock()) is Verdict.GENUINE
    (draft,) = ADAPTER.parse(
        request, Account(tenant="acme", channel="generic", account_ref="web-1")
    )
    assert isinstance(draft, Draft)
