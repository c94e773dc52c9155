"""A target of your own, for the router `webhook`: the same over HTTP, for davy's calls alone.

    route: {webhook: {url: http://127.0.0.1:8099/, name: digits, secret_file: secret}}

The actuator's davy.yaml allows it: `webhooks: {http://127.0.0.1:8099/: secret}`.

Run: python3 traffic_service.py 8099 digits.json secret
"""

import base64
import hashlib
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from move_traffic import answer

OLDEST_S = 300


def is_ours(headers: dict[str, str], body: bytes, secret: str) -> bool:
    """Whether davy signed this call lately (Standard Webhooks; there are libraries for it)."""
    call_id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isdecimal() or abs(time.time() - int(at)) > OLDEST_S:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    code = hmac.new(key, f"{call_id}.{at}.".encode() + body, hashlib.sha256).digest()
    expected = f"v1,{base64.b64encode(code).decode()}"
    return hmac.compare_digest(expected, headers.get("webhook-signature", ""))


def serve(port: int, state: Path, secret_file: Path) -> None:
    """Answer until it is stopped."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if not is_ours(headers, body, secret_file.read_text().strip()):
                return self.tell(401, {"message": "the signature is not davy's"})
            told = answer(state, json.loads(body))
            return self.tell(409 if told.get("error") == "conflict" else 200, told)

        def tell(self, status: int, told: dict[str, object]) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
