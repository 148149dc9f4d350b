"""Traffic as a file: one request a line."""

import base64
import json
from collections.abc import Iterable
from typing import IO

from carewatch.simulate.request import Request


def write_requests(requests: Iterable[Request], out: IO[str]) -> int:
    """Writes `{at_ms, method, path, headers, body, expect_status}` lines; returns how many.

    A body that is not UTF-8 stands in `body_base64` instead. Signatures are those of `at_ms`: a
    receiver with a replay window has to be given that time as its own.
    """
    count = 0
    for request in requests:
        line: dict[str, object] = {
            "at_ms": request.at_ms,
            "method": "POST",
            "path": request.door.path,
            "headers": request.headers(request.at_ms),
        }
        try:
            line["body"] = request.body.decode()
        except UnicodeDecodeError:
            line["body_base64"] = base64.b64encode(request.body).decode()
        line["expect_status"] = request.expect_status
        out.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        count += 1
    return count
