"""The box: what a child cannot see, cannot reach and cannot use up."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ingest.errors import Cancelled, IngestError
from ingest.onlyone import seccomp_filter
from ingest.sandbox import Limits, Sandbox

BOX = Sandbox()


def shell(script: str, inputs: Sequence[Path] = (), output: Path | None = None) -> str:
    done = BOX.run(["bash", "-c", script], inputs=inputs, output=output, limits=Limits(processes=16))
    return done.stdout.decode() + done.stderr


def refused(script: str, folder: Path | None = None, **limits: float) -> tuple[str, float]:
    """The code with which a script is stopped, and the seconds until then."""
    begun = time.monotonic()
    allowed = Limits(**{"processes": 40, **limits})  # type: ignore[arg-type]
    with pytest.raises(IngestError) as caught:
        BOX.run(["bash", "-c", script], output=folder, limits=allowed)
    return caught.value.code, time.monotonic() - begun


def test_the_box_works_here() -> None:
    assert BOX.check() is None


def test_status_output_and_cost_of_a_program() -> None:
    done = BOX.run(["sh", "-c", "echo one; echo two >&2; exit 3"])
    assert (done.status, done.stdout, done.stderr) == (3, b"one\n", "two")
    assert done.wall_seconds < 10
    burnt = BOX.run(["sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"])
    assert burnt.cpu_seconds > 0.02


def test_only_named_files_are_there(tmp_path: Path) -> None:
    given, other = tmp_path / "given" / "a", tmp_path / "other" / "secret"
    for path in (given, other):
        path.parent.mkdir()
        path.write_text("words")
    assert shell(f"cat {given}", inputs=[given]) == "words"
    assert "No such file" in shell(f"cat {other}", inputs=[given])
    assert "Read-only" in shell(f"echo x > {given}", inputs=[given])
    assert sorted(shell("ls /etc").split()) <= ["alternatives", "fonts", "ld.so.cache", "libreoffice"]
    assert shell("ls /home /root /var/lib/dpkg 2>/dev/null") == ""
    assert not {"PATH_INFO", "HOSTNAME", "XUEHAI_DATA_DIR"} & set(shell("env | cut -d= -f1").split())


def test_only_the_output_folder_is_kept(tmp_path: Path) -> None:
    script = f"echo made > made; ln -s /etc/passwd link; mkfifo pipe; mkdir sub; ln -s / sub/root; cd {tmp_path.parent}"
    shell(script, output=tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["made", "sub"]
    for folder in ("/", "/dev/shm", "/usr"):
        assert "Read-only" in shell(f"touch {folder}/x")


def test_no_way_out_over_the_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        answer = BOX.run(["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"])
        assert answer.status != 0
        with pytest.raises(TimeoutError):
            server.accept()
    assert shell("ls /sys/class/net 2>/dev/null; cat /proc/net/dev | tail -n +3 | cut -d: -f1").split() == ["lo"]


def test_no_sight_of_other_processes() -> None:
    numbers = [int(name) for name in shell("ls /proc").split() if name.isdigit()]
    assert max(numbers) < 20
    assert "CapEff:\t0000000000000000" in shell("cat /proc/self/status")


def test_a_hang_ends_by_the_clock() -> None:
    code, seconds = refused("sleep 60", wall=0.5)
    assert code == "took_too_long"
    assert seconds < 5


def test_a_busy_loop_ends_by_its_cpu_time() -> None:
    code, _ = refused("while :; do :; done", cpu=1, wall=60)
    assert code == "took_too_long"


def test_a_parser_can_start_threads_but_no_process() -> None:
    with pytest.raises(IngestError, match="PermissionError"):
        BOX.call("subprocess:call", {"args": ["true"]})
    with pytest.raises(IngestError, match="PermissionError"):
        BOX.call("os:fork", {})
    assert "Cannot fork" in BOX.run(["sh", "-c", "true | true"]).stderr
    picture = ["-f", "lavfi", "-i", "testsrc2=d=1", "-c:v", "libx264", "-threads", "4", "-f", "null", "-"]
    assert BOX.run(["ffmpeg", "-v", "error", *picture]).status == 0


def test_the_filter_is_known_for_the_usual_machines() -> None:
    assert len(seccomp_filter("x86_64")) == 18 * 8
    assert len(seccomp_filter("aarch64")) == 14 * 8
    assert seccomp_filter("riscv64") == b""


def test_what_may_start_processes_starts_only_so_many() -> None:
    code, seconds = refused("while :; do sleep 60 & done", wall=20)
    assert code == "too_many_processes"
    assert seconds < 15


def test_memory_of_one_process() -> None:
    with pytest.raises(IngestError, match="too_much_memory"):
        BOX.call("secrets:token_bytes", {"nbytes": 2**31 - 64}, limits=Limits(memory=2**28))


def test_memory_of_many_processes() -> None:
    eater = "head -c 60000000 /dev/zero | tail -c 60000000 | sleep 20 & "
    code, _ = refused(eater * 8 + "wait", memory=200 * 2**20, wall=30)
    assert code == "too_much_memory"


def test_a_full_disk_is_its_own(tmp_path: Path) -> None:
    code, _ = refused("for i in 1 2 3 4 5 6 7 8; do head -c 3000000 /dev/zero > f$i; done", tmp_path, output=10_000_000)
    assert code == "output_too_large"
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 30_000_000


def test_one_large_file_stops_at_the_cap(tmp_path: Path) -> None:
    BOX.run(["head", "-c", "3000000", "/dev/zero"], output=tmp_path)
    done = BOX.run(["sh", "-c", "exec yes > big"], output=tmp_path, limits=Limits(output=2_000_000, wall=10))
    assert done.status != 0
    assert (tmp_path / "big").stat().st_size == 2_000_000


def test_many_files_and_much_talk_end(tmp_path: Path) -> None:
    code, _ = refused("i=0; while :; do i=$((i+1)); : > f$i; done", tmp_path, files=500, wall=20)
    assert code == "output_too_large"
    assert refused("yes", answer=100_000, wall=20)[0] == "output_too_large"


def test_lines_come_as_they_are_said_and_the_caller_may_stop() -> None:
    lines: list[str] = []
    slowly = ["sh", "-c", "echo a; sleep 0.1; printf 'b\\nlast'"]
    BOX.run(slowly, limits=Limits(processes=4), on_line=lines.append)
    assert lines == ["a", "b"]
    polled: list[float] = []

    def poll() -> None:
        polled.append(time.monotonic())
        if len(polled) == 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        BOX.run(["sleep", "30"], poll=poll)
    assert polled[-1] - polled[0] < 2.5


def test_nothing_is_left_running() -> None:
    mark = f"3{os.getpid()}.5"
    with pytest.raises(IngestError):
        BOX.run(["sh", "-c", f"setsid sleep {mark} & sleep {mark}"], limits=Limits(wall=0.5, processes=8))
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not any(mark.encode() in command and b"sleep\0" in command[:6] for command in commands)


def test_calls_answer_json_and_carry_errors() -> None:
    assert BOX.call("os.path:basename", {"p": "/a/b.txt"}) == "b.txt"
    with pytest.raises(IngestError, match="parser_failed"):
        BOX.call("ingest.cues:clean", {"path": "/nowhere", "target": "/nowhere"})
    with pytest.raises(IngestError) as caught:
        BOX.call("os:abort", {})
    assert (caught.value.code, caught.value.retryable) == ("sandbox_crashed", True)
    with pytest.raises(IngestError, match="parser_failed"):
        BOX.call("json:loads", {"s": "{"})


def test_parsers_see_their_libraries_and_nothing_of_the_house() -> None:
    here = Path(__file__).parents[2]
    with pytest.raises(IngestError, match="FileNotFoundError"):
        BOX.call("os:listdir", {"path": str(here / "tests")})
    assert "ingest" in BOX.call("os:listdir", {"path": str(here)})
    assert "repo_service" not in BOX.call("os:listdir", {"path": str(here)})


def test_a_missing_program_is_named() -> None:
    with pytest.raises(IngestError) as caught:
        BOX.run(["no-such-program"])
    assert (caught.value.code, caught.value.detail) == ("missing_program", "no-such-program")


def test_many_threads_may_use_it() -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(BOX.run(["true"]).status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [0] * 8


def test_limits_alone_still_bound_a_child(tmp_path: Path) -> None:
    bare = Sandbox("limits")
    assert bare.check() is None
    assert bare.call("os.path:basename", {"p": "/a/b.txt"}) == "b.txt"
    with pytest.raises(IngestError, match="took_too_long"):
        bare.run(["sh", "-c", "sleep 30 & sleep 30"], limits=Limits(wall=0.5, processes=8))
    with pytest.raises(IngestError, match="too_much_memory"):
        bare.call("secrets:token_bytes", {"nbytes": 2**31 - 64}, limits=Limits(memory=2**28))
    with pytest.raises(IngestError, match="too_many_processes"):
        bare.run(["bash", "-c", "while :; do sleep 60 & done"], limits=Limits(processes=40, wall=20))
    with pytest.raises(IngestError, match="output_too_large"):
        bare.run(
            ["sh", "-c", "for i in 1 2 3 4; do yes | head -c 900000 > f$i; done; sleep 1"],
            output=tmp_path,
            limits=Limits(output=2_000_000, processes=8),
        )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_without_a_box_a_child_of_root_is_nobody_where_files_allow(tmp_path: Path) -> None:
    opened, closed = Path("/tmp") / f"xuehai-open-{os.getpid()}", tmp_path / "shut" / "inside"
    opened.mkdir(mode=0o755)
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    try:
        secret = tmp_path / "secret"
        secret.write_text("words")
        secret.chmod(0o600)
        script = f"id -u; echo made > made; cat {secret}"
        done = Sandbox("limits").run(["sh", "-c", script], output=opened, limits=Limits(processes=8))
        assert done.stdout == b"65534\n"
        assert "Permission denied" in done.stderr
        assert (opened / "made").read_text() == "made\n"
        assert Sandbox("limits").run(["id", "-u"], output=closed).stdout == b"0\n"
    finally:
        shutil.rmtree(opened)
