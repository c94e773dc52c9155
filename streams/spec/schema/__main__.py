"""Print the schema: `python -m streams.spec.schema > schemas/rollout-spec.schema.json`."""

from __future__ import annotations

import json
import sys

from streams.spec.schema.whole import spec_schema

sys.stdout.write(json.dumps(spec_schema(), indent=2) + "\n")
