"""An inference service that publishes must not need what only the analyzer needs."""

import subprocess
import sys

HEAVY = ("numpy", "pyarrow", "pyruhvro", "httpx", "httpx2", "pydantic", "confluent_kafka")


def test_codec_needs_fastavro_only():
    """Encoding and decoding single records works without the server extra."""
    program = (
        "import sys\n"
        "from streams.wire.codec import Codec\n"
        "from streams.wire.store import LocalSchemaStore\n"
        "Codec(LocalSchemaStore()).decode('leases', bytes.fromhex(sys.argv[1]))\n"
        f"print(sorted(set({HEAVY!r}) & sys.modules.keys()))\n"
    )
    value = "000000000a02720461621290" + "4e0000"
    done = subprocess.run(
        [sys.executable, "-c", program, value], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
