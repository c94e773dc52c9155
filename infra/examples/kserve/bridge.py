"""Takes what KServe's payload logger tells of the service `digits`, and publishes it.

uvicorn bridge:app --host 0.0.0.0 --port 8480
"""

from streams.publisher import Publisher
from streams.publisher.kserve import Bridge, Rules

app = Bridge(
    Publisher.from_env(service="digits", model_version="told by each url"),
    Rules(segments={"country": "X-Country"}, answer_within_s=30),
)
