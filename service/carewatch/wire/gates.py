"""A version gate: the control record from which on older workers refuse to compute."""

from typing import Final

import msgspec

from carewatch.domain.times import format_time
from carewatch.wire.envelope import DATASCHEMA, SPECVERSION, VersionGate, VersionGateEnvelope

SOURCE: Final = "/care/gate"


def encode_gate(*, minimum: str, recorded_at: int) -> bytes:
    """The control record that demands `minimum`; the instant in milliseconds."""
    recorded = format_time(recorded_at)
    return msgspec.json.encode(
        VersionGateEnvelope(
            specversion=SPECVERSION,
            id=f"gate-{minimum}-{recorded}",
            source=SOURCE,
            type="care.version.gate",
            time=recorded,
            recordedtime=recorded,
            dataschema=DATASCHEMA,
            data=VersionGate(minimum=minimum),
        )
    )
