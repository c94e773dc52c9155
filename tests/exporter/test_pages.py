"""What pages tell of pods, and what two readings make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.errors import WireError
from streams.exporter.export import targets_of
from streams.exporter.pages import PROCESS, Reading, read_page
from streams.exporter.shares import Seen, Whose, shares

CADVISOR = (Path(__file__).parent / "cadvisor.txt").read_text(encoding="utf-8")


def seen(at_s: float, **told: float | None) -> Seen:
    return Seen(reading=Reading(**told), at_s=at_s)


class TestPages:
    def test_containers_of_a_pod_are_added_without_its_own_group(self) -> None:
        """The group and the pause process hold the same use once more."""
        found = read_page(CADVISOR)["ml/digits-v1-a"]
        assert (found.cpu_s, found.cpu_limit) == (130.0, 2.0)
        assert (found.memory, found.memory_limit) == (8e8, 1e9)
        assert found.gpu is None

    def test_no_limit_is_no_limit(self) -> None:
        """Neither a quota that is missing nor a memory limit of 0; GPUs are a mean."""
        found = read_page(CADVISOR)["ml/digits-v2-b"]
        assert (found.cpu_limit, found.memory_limit) == (None, None)
        assert found.gpu == pytest.approx(0.7)

    def test_pods_of_one_name_in_two_namespaces_are_two(self) -> None:
        """`staging` may run pods of the same names; their use is nobody's here."""
        metric = "container_memory_working_set_bytes"
        text = f"# TYPE {metric} gauge\n" + "".join(
            f'{metric}{{container="m",namespace="{namespace}",pod="digits-v2-0"}} {value}\n'
            for namespace, value in (("prod", 1e8), ("staging", 9e8))
        )
        assert read_page(text) == {
            "prod/digits-v2-0": Reading(memory=1e8),
            "staging/digits-v2-0": Reading(memory=9e8),
        }

    def test_a_page_of_one_process(self) -> None:
        text = (
            "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 12.5\n"
            "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes 1e+06\n"
        )
        assert read_page(text) == {PROCESS: Reading(cpu_s=12.5, memory=1e6)}

    def test_the_exporters_own_process_is_no_pod(self) -> None:
        assert PROCESS not in read_page(CADVISOR + "process_cpu_seconds_total 3\n")

    @pytest.mark.parametrize(
        "text", ["", "<html>no</html>", "a{b 1", "process_cpu_seconds_total x", "up 1\n"]
    )
    def test_garbage_is_told(self, text: str) -> None:
        with pytest.raises(WireError):
            read_page(text)

    @pytest.mark.parametrize("value", ["NaN", "-1", "+Inf"])
    def test_what_is_no_amount_is_left_out(self, value: str) -> None:
        text = f"process_cpu_seconds_total 3\nprocess_resident_memory_bytes {value}\n"
        assert read_page(text)[PROCESS] == Reading(cpu_s=3.0)


class TestShares:
    def test_a_counter_becomes_a_share_of_what_the_interval_allowed(self) -> None:
        told = shares(seen(0, cpu_s=100, cpu_limit=2), seen(10, cpu_s=115, cpu_limit=2))
        assert told == {"cpu": 0.75, "interval_ms": 10_000}

    def test_a_counter_that_began_again(self) -> None:
        """The process was restarted: what it has used since is what there is."""
        told = shares(seen(0, cpu_s=100, cpu_limit=1), seen(10, cpu_s=4, cpu_limit=1))
        assert told == {"cpu": 0.4, "interval_ms": 10_000}

    def test_gauges_need_no_counter(self) -> None:
        now = seen(10, memory=8e8, memory_limit=1e9, gpu=0.7)
        assert shares(seen(0), now) == {"memory": 0.8, "gpu": 0.7, "interval_ms": 10_000}

    def test_nothing_to_tell(self) -> None:
        """The first reading, a gap, no limit, or what cannot be."""
        now = seen(10, cpu_s=5, cpu_limit=1)
        assert shares(None, now) is None
        assert shares(seen(-200, cpu_s=1, cpu_limit=1), now) is None
        assert shares(seen(0, cpu_s=1), seen(10, cpu_s=2)) is None
        assert shares(seen(0, cpu_s=0), seen(10, cpu_s=500, cpu_limit=1)) is None

    def test_whose_a_pod_is(self) -> None:
        whose = Whose(service="digits", patterns=(("digits-v1-*", "v1"), ("*", "v2")))
        assert [whose.version(pod, "") for pod in ("digits-v1-a", "x")] == ["v1", "v2"]
        assert Whose(service="digits").version("x", "v3") == "v3"

    def test_a_pattern_may_name_the_namespace(self) -> None:
        anywhere = Whose(service="digits", patterns=(("digits-v2-*", "v2"),))
        prod = Whose(service="digits", patterns=(("prod/digits-v2-*", "v2"),))
        pods = ("prod/digits-v2-0", "staging/digits-v2-0", "digits-v2-0")
        assert [anywhere.version(pod, "") for pod in pods] == ["v2", "v2", "v2"]
        assert [prod.version(pod, "") for pod in pods] == ["v2", "", ""]

    def test_targets_as_a_command_names_them(self) -> None:
        first, second = targets_of(
            ["v1=http://a:9090/m?x=1", "https://b/metrics/cadvisor?y=http://z"]
        )
        assert (first.version, first.url, first.pod) == ("v1", "http://a:9090/m?x=1", "a:9090")
        assert (second.version, second.url) == ("", "https://b/metrics/cadvisor?y=http://z")
