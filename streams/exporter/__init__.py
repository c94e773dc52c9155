"""What pods use, from Prometheus endpoints to the topic `resources`; a part of `davy[server]`."""
