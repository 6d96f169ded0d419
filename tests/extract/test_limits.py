"""A page that takes too long or breaks its parser costs that page; native code that hangs costs a process, never a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from gristmill.extract import ExtractionError, ExtractSettings, extract, isolated, limits

PLANTED = "tests.extract.planted"


def settings(engine: str = "misbehaving", **changed) -> ExtractSettings:
    return ExtractSettings(engine=f"{PLANTED}:{engine}", **{"time_limit": 0.3, **changed})


def reason(page: bytes, chosen: ExtractSettings) -> str:
    with pytest.raises(ExtractionError) as caught:
        extract(page, chosen)
    return caught.value.reason


def test_slow_python_code_is_stopped_even_if_it_catches_exceptions():
    start = time.monotonic()
    assert reason(b"<p>hang python", settings()) == "time_limit"
    assert time.monotonic() - start < 20


def test_a_swallowed_limit_still_ends_the_page():
    assert reason(b"<p>x", settings("swallowing_everything")) == "time_limit"


def test_pages_after_a_stopped_one_are_unharmed():
    assert reason(b"<p>hang python", settings()) == "time_limit"
    assert extract(b"<p>fine", settings()).text == "<p>fine"
    time.sleep(0.1)
    sum(range(10_000_000))  # no timer is left that could strike now


def test_waiting_does_not_count_towards_the_soft_limit(monkeypatch):
    monkeypatch.setattr(limits, "REPEAT", 0.01)
    assert limits.limit_time(lambda: time.sleep(0.4) or "done", 0.2) == "done"


def test_an_engine_that_raises_gives_unparsable():
    assert reason(b"<p>x", settings("raising")) == "unparsable"


def test_a_page_over_the_size_limit_is_not_touched():
    assert reason(b"crash" * 1000, settings(max_bytes=4999)) == "too_large"


def test_bytes_that_are_no_text_are_undecodable():
    assert reason(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, settings()) == "undecodable"


def test_handlers_and_a_running_alarm_clock_are_restored():
    seen = []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append("alarm"))
    running = signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        extract(b"<p>fine", settings())
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
        deadline = time.monotonic() + 5
        while not seen and time.monotonic() < deadline:
            time.sleep(0.01)
        assert seen == ["alarm"]
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *running)


def test_another_thread_works_without_a_limit():
    texts = []
    thread = threading.Thread(target=lambda: texts.append(extract(b"<p>fine", settings()).text))
    thread.start()
    thread.join()
    assert texts == ["<p>fine"]


@pytest.mark.parametrize(("page", "ending"), [("hang native", signal.SIGALRM), ("crash", signal.SIGSEGV)])
def test_direct_mode_loses_the_process(page, ending):
    script = f"""
import resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from gristmill.extract import ExtractSettings, extract, limits
import gristmill.extract.limits as limits
limits.wall_limit = lambda seconds: 1.0
extract(b"<p>{page}</p>", ExtractSettings(engine="{PLANTED}:misbehaving", time_limit=0.3))
"""
    done = subprocess.run([sys.executable, "-c", script], env=child_environment(), timeout=60, check=False)
    assert done.returncode == -ending


def child_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


class TestIsolatedMode:
    @pytest.fixture(autouse=True)
    def isolate(self):
        with isolated():
            yield

    def test_gives_the_same_text_and_title(self):
        page = "<html><title>Ünï</title><body><p>" + "Ein Satz, der lang genug ist. " * 20
        chosen = ExtractSettings(engine="resiliparse")
        apart = extract(page.encode(), chosen)
        with isolated(False):
            assert extract(page.encode(), chosen) == apart

    def test_one_child_serves_many_pages(self):
        pids = {extract(b"<p>process", settings()).text for _ in range(5)}
        assert len(pids) == 1
        assert pids != {str(os.getpid())}

    def test_a_crash_costs_one_page(self):
        assert extract(b"<p>before", settings()).text == "<p>before"
        assert reason(b"<p>crash", settings()) == "crashed"
        assert extract(b"<p>after", settings()).text == "<p>after"

    def test_a_child_that_exits_costs_one_page(self):
        assert reason(b"<p>exit", settings()) == "crashed"
        assert extract(b"<p>after", settings()).text == "<p>after"

    def test_hanging_native_code_costs_one_page(self):
        # 0.05 s of processor time: the kernel ends the child after 3 * 0.05 + 5 s of wall time
        assert reason(b"<p>hang native", settings(time_limit=0.05)) == "time_limit"
        assert extract(b"<p>after", settings()).text == "<p>after"

    def test_slow_python_code_does_not_cost_the_child(self):
        child = extract(b"<p>process", settings()).text
        assert reason(b"<p>hang python", settings()) == "time_limit"
        assert extract(b"<p>process", settings()).text == child

    def test_other_reasons_come_through(self):
        assert reason(b"<p>x", settings("raising")) == "unparsable"
        assert reason(b"x" * 5000, settings(max_bytes=4999)) == "too_large"

    def test_what_a_library_prints_does_not_break_the_pipe(self):
        assert extract(b"<p>chatter", settings()).text == "<p>chatter"

    def test_large_pages_pass(self):
        page = b"<p>" + b"x" * 5_000_000
        assert extract(page, settings()).text == page.decode()

    def test_a_child_killed_between_pages_is_replaced(self):
        child = int(extract(b"<p>process", settings()).text)
        os.kill(child, signal.SIGKILL)
        assert int(extract(b"<p>process", settings()).text) != child

    def test_the_child_dies_with_its_parent(self):
        script = f"""
import os, signal
from gristmill.extract import ExtractSettings, extract, set_isolation
set_isolation(True)
print(extract(b"<p>process", ExtractSettings(engine="{PLANTED}:misbehaving")).text, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
        done = subprocess.run(
            [sys.executable, "-c", script], env=child_environment(), stdout=subprocess.PIPE, timeout=60, check=False
        )
        child = int(done.stdout)
        deadline = time.monotonic() + 10
        while is_alive(child) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not is_alive(child)


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
