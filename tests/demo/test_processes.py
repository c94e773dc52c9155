"""Parts start, become ready, tell why they did not, and always end."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streams.demo.processes import Part, Parts, free_port, free_ports, listens, wait_until
from streams.errors import PartError

SERVER = "import http.server, sys; http.server.test(port=int(sys.argv[1]), bind='127.0.0.1')"
SLEEPER = "import signal; signal.pause()"
STUBBORN = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child:
    print("pids", os.getpid(), child, flush=True)
while True:
    signal.pause()
"""
PARENT = """
import signal, sys
from pathlib import Path
from streams.demo.processes import Part
part = Part("child", [sys.executable, "-c", "import signal; signal.pause()"], log=Path(sys.argv[1]))
print("pids", part.pid, flush=True)
signal.pause()
"""


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def gone(pid: int) -> bool:
    """Whether the process ended (a zombie that init has yet to reap has ended too)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def said_pids(part: Part) -> list[int]:
    part.wait_until(lambda: "pids" in part.tail(), what="it says its pids", deadline_s=10)
    return [int(word) for word in part.tail().split()[1:]]


class TestPart:
    def test_waits_for_its_port(self, parts: Parts) -> None:
        """A part is ready when its port answers, and the port is free again after the stop."""
        port = free_port()
        part = parts.start("server", python(SERVER, str(port)))
        part.wait_for_port(port)
        assert listens(port)
        part.stop()
        assert not listens(port)

    def test_early_end_shows_the_log(self, parts: Parts) -> None:
        """A part that ends before it is ready is an error with its own last words."""
        part = parts.start("short", python("import sys; sys.exit('no disk')"))
        with pytest.raises(PartError, match=r"short ended with code 1 before port(.|\n)*no disk"):
            part.wait_for_port(free_port())

    def test_deadline_shows_the_log(self, parts: Parts) -> None:
        """A part that never becomes ready is an error with its own last words."""
        part = parts.start("idle", python(f"print('hello', flush=True); {SLEEPER}"))
        part.wait_until(lambda: "hello" in part.tail(), what="it speaks", deadline_s=10)
        with pytest.raises(PartError, match=r"waited 0\.1 s for idle: port \d+ opens(.|\n)*hello"):
            part.wait_for_port(free_port(), deadline_s=0.1)

    def test_missing_program_is_named(self, parts: Parts) -> None:
        """A command that is not there is an error that names it."""
        part = parts.start("nothing", ["no-such-program"])
        assert part.wait(deadline_s=10) == 1
        assert "no-such-program: No such file or directory" in part.tail()

    def test_stop_ends_the_whole_group(self, parts: Parts) -> None:
        """A child that ignores SIGTERM, and its own child, end with the part."""
        part = parts.start("stubborn", python(STUBBORN))
        pids = said_pids(part)
        assert part.stop(grace_s=0.2) == -signal.SIGKILL
        for pid in pids:
            wait_until(lambda pid=pid: gone(pid), what=f"{pid} ends", deadline_s=5)

    def test_stop_reaches_a_stopped_child(self, parts: Parts) -> None:
        """A part under SIGSTOP still ends by SIGTERM."""
        part = parts.start("sleeper", python(SLEEPER))
        part.signal(signal.SIGSTOP)
        assert part.stop() == -signal.SIGTERM

    def test_stop_twice_is_the_same(self, parts: Parts) -> None:
        """Stopping a stopped part changes nothing."""
        part = parts.start("sleeper", python(SLEEPER))
        assert part.stop() == part.stop() == part.exit_code

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a death")
    def test_child_dies_with_a_killed_parent(self, parts: Parts, tmp_path: Path) -> None:
        """SIGKILL of the starting process leaves no part behind."""
        parent = parts.start("parent", python(PARENT, str(tmp_path / "child.log")), cwd=Path.cwd())
        (child,) = said_pids(parent)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait(deadline_s=5)
        wait_until(lambda: gone(child), what="the child ends", deadline_s=5)


class TestParts:
    def test_stop_ends_all_in_reverse(self, tmp_path: Path) -> None:
        """All parts end when the block is left, also by an error."""
        with contextlib.suppress(KeyboardInterrupt), Parts(tmp_path) as parts:
            started = [parts.start(name, python(SLEEPER)) for name in ("first", "second")]
            assert list(parts) == started
            raise KeyboardInterrupt
        assert [part.running for part in started] == [False, False]


class TestPorts:
    def test_free_ports_differ(self) -> None:
        """Ports asked for together are different ones."""
        assert len(set(free_ports(20))) == 20

    def test_another_process_gets_others(self) -> None:
        """Not even one on which nobody listens yet; 0 stands for any other."""
        asks = f"""
from streams.demo import processes
processes.PORTS = [*{free_ports(4)}, 0]
print(processes.free_port())
"""
        got = subprocess.run(python(asks), capture_output=True, text=True, check=True, timeout=60)
        assert got.stdout == "0\n"
