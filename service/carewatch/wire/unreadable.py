"""What decoding bytes from outside can raise, beside what msgspec documents."""

from typing import Final

import msgspec

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""Not this shape; a text that is no UTF-8 (found by fuzzing); nested beyond the stack."""
