"""Print the schema of the JSON form: `python -m streams.report > schemas/report.schema.json`."""

from __future__ import annotations

import sys

from streams.report.data import schema_text

sys.stdout.write(schema_text())
