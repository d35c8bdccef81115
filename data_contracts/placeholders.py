"""How a placeholder of redaction is written: `<EMAIL_1>`, or `<EMAIL_` and 16 hex digits `>`.

A number counts values within a record; a keyed hash says the same value in every record.
"""

from __future__ import annotations

KIND = r"[A-Z][A-Z_]*"
NUMBER = r"(?:\d{1,9}|[0-9a-f]{16})"
PLACEHOLDER = rf"<{KIND}_{NUMBER}>"
