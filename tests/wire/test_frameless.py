"""A worker decodes without pandas, also where it is installed; it can still be imported."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
from streams.wire.codec import Codec
from streams.wire.columns import decode_predictions
from streams.wire.frameless import hide_pandas
from streams.wire.store import LocalSchemaStore
from tests.wire.samples import PREDICTION

if sys.argv[1] == "hidden":
    hide_pandas()
codec = Codec(LocalSchemaStore())
columns = decode_predictions([codec.encode("predictions", PREDICTION), None], codec)
loaded = "pandas" in sys.modules
import pandas
hide_pandas()
frame = pandas.DataFrame({"a": [1]})
print(json.dumps([loaded, columns.row.tolist(), columns.service.names, len(frame)]))
"""


@pytest.mark.parametrize("how", ["hidden", "seen"])
def test_pandas_is_loaded_only_where_it_is_not_hidden(how):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [how == "seen", [0], ["digits"], 1]
