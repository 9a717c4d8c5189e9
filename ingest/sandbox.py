"""The one place that starts a program, and the one box in which uploaded bytes are parsed.

Paths inside the box are the paths outside it, so that a command line is the same in both modes.
"""

import contextlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ingest import strays
from ingest.errors import IngestError
from ingest.onlyone import seccomp_filter
from ingest.watch import Completed, Guard, Limits, Watched

__all__ = ["Completed", "Limits", "Sandbox"]

Mode = Literal["bubblewrap", "limits"]
Poll = Callable[[], None]

_PATH = "/usr/local/bin:/usr/bin:/bin"
_ENVIRONMENT = {"PATH": _PATH, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", "TMPDIR": "/tmp", "HOME": "/tmp"}  # noqa: S108
_TEMPORARY_BYTES = 256 * 2**20
_THREADS = 512  # the kernel counts threads as processes, and neither of root; `Guard` counts processes
_READABLE = (
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/libreoffice",
    "/etc/ld.so.cache",
    "/var/cache/fontconfig",
    "/var/lib/libreoffice",
)
_ISOLATION = (
    "--unshare-all",
    "--as-pid-1",  # otherwise the CPU time of the child is not seen
    "--die-with-parent",
    "--new-session",
    "--cap-drop",
    "ALL",
)
_NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Runs programs, and parsers of uploaded bytes, where they see their inputs, one output folder and nothing else.

    ``bubblewrap`` is a box without network, with its own processes and files. ``limits`` only bounds what a child
    may use, and takes a child of root to a user without rights where the files allow it: the operator chooses it,
    loudly, where the kernel or the container refuses bubblewrap.
    """

    mode: Mode = "bubblewrap"

    def check(self) -> str | None:
        """Why programs cannot be run here, found by running one; None when they can."""
        try:
            done = self.run(["true"], limits=Limits(wall=20))
        except IngestError as error:
            return error.detail
        return None if done.status == 0 else done.stderr or f"status {done.status}"

    def run(
        self,
        argv: Sequence[str],
        *,
        inputs: Sequence[Path] = (),
        output: Path | None = None,
        limits: Limits | None = None,
        on_line: Callable[[str], None] | None = None,
        poll: Poll | None = None,
        stdin: bytes = b"",
    ) -> Completed:
        """Run a program of ``/usr`` to its end; a status other than 0 is an answer, not an error.

        ``inputs`` are files or folders that it may read, ``output`` the one folder that it may write. ``on_line``
        takes standard output line by line (it is then not kept); ``poll`` is called at least twice a second and may
        raise Cancelled, which kills the child and goes on to the caller, as any error of ``on_line`` does.
        Raises IngestError: missing_program, sandbox_unavailable, took_too_long, too_much_memory, too_many_processes,
        output_too_large.
        """
        if shutil.which(argv[0], path=_PATH) is None:
            raise IngestError("missing_program", argv[0], retryable=True)
        return self._run(argv, (), inputs, output, limits or Limits(), on_line, poll, stdin)

    def call(
        self,
        function: str,
        arguments: Mapping[str, Any],
        *,
        inputs: Sequence[Path] = (),
        output: Path | None = None,
        limits: Limits | None = None,
        poll: Poll | None = None,
    ) -> Any:
        """Call ``"module:function"`` with keyword ``arguments`` in the box and answer what it returns; all JSON.

        An IngestError that it raises is raised here. Others: parser_failed for any other exception, sandbox_crashed
        when the interpreter died, and those of `run`.
        """
        argv = [*_interpreter(), function]
        stdin = json.dumps(arguments).encode()
        done = self._run(argv, _interpreter_folders(), inputs, output, limits or Limits(), None, poll, stdin)
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            answer = {}
        if "error" in answer:
            raise IngestError(
                answer["error"]["code"], answer["error"]["detail"], retryable=answer["error"]["retryable"]
            )
        if done.status != 0 or "result" not in answer:
            raise IngestError("sandbox_crashed", f"{function}: status {done.status}: {done.stderr}", retryable=True)
        return answer["result"]

    def _run(
        self,
        argv: Sequence[str],
        folders: Sequence[Path],
        inputs: Sequence[Path],
        output: Path | None,
        limits: Limits,
        on_line: Callable[[str], None] | None,
        poll: Poll | None,
        stdin: bytes,
    ) -> Completed:
        boxed = self.mode == "bubblewrap"
        wrapper = "bwrap" if boxed else "setpriv"
        if shutil.which(wrapper, path=_PATH) is None:
            raise IngestError("sandbox_unavailable", f"{wrapper} is not installed", retryable=True)
        boxed_filter = seccomp_filter() if boxed and limits.processes == 1 else b""
        with contextlib.ExitStack() as stack:
            status = _Pipe(stack)
            given, syscalls = _temporary(stack, stdin), _temporary(stack, boxed_filter)
            if boxed:
                told = ["--json-status-fd", str(status.write), *(["--seccomp", str(syscalls)] if boxed_filter else [])]
                prefix = ["bwrap", *told, *_box([*folders, *inputs], output)]
            else:
                prefix = ["setpriv", "--no-new-privs", "--pdeathsig", "KILL", *_own_user([*folders, *inputs], output)]
            process = subprocess.Popen(
                [*prefix, *_limited(limits, boxed), *argv],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_ENVIRONMENT | strays.mark(),
                cwd=output or "/",
                pass_fds=(status.write, syscalls) if boxed else (),
                start_new_session=True,
            )
            status.close_write()
            return Watched(process, status.read, Guard(limits, output, boxed), on_line, poll).to_the_end()


class _Pipe:
    """A pipe whose end for writing is given away."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        read, self.write = os.pipe()
        self._given = stack.enter_context(os.fdopen(self.write, "wb", buffering=0))
        self.read = stack.enter_context(os.fdopen(read, "rb", buffering=0))

    def close_write(self) -> None:
        """Let reading end when the child ends."""
        self._given.close()


def _temporary(stack: contextlib.ExitStack, data: bytes) -> int:
    """The descriptor of a nameless file with these bytes, at its beginning."""
    file = stack.enter_context(tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 - the stack closes it
    file.write(data)
    file.seek(0)
    return file.fileno()


def _limited(limits: Limits, boxed: bool) -> list[str]:
    """The prefix that lowers the kernel's limits, inside the box, just before the program."""
    command = [
        "prlimit",
        f"--as={limits.memory}",
        f"--cpu={max(1, round(limits.cpu))}",
        f"--fsize={limits.output}",
        f"--nofile={limits.open_files}",
        "--core=0",
    ]
    if boxed:  # outside a user namespace this would count the operator's other processes
        command.append(f"--nproc={_THREADS + limits.processes}")
    return [*command, "--", "nice", "-n", str(limits.nice)]


def _box(readable: Sequence[Path], output: Path | None) -> list[str]:
    """The options of bubblewrap: a read-only system, the readable paths, one writable folder, a small ``/tmp``."""
    command = [*_ISOLATION, "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            command += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            command += ["--ro-bind", str(path), str(path)]
    for name in _READABLE:
        command += ["--ro-bind-try", name, name]
    command += ["--proc", "/proc", "--dev", "/dev", "--size", str(_TEMPORARY_BYTES), "--tmpfs", "/tmp"]  # noqa: S108
    for path in readable:
        if not path.is_relative_to("/usr"):
            command += ["--ro-bind", str(path.absolute()), str(path.absolute())]
    if output is not None:
        command += ["--bind", str(output.absolute()), str(output.absolute()), "--chdir", str(output.absolute())]
    # The roots of the box are memory: without these a child could fill it outside every limit.
    return [*command, "--remount-ro", "/", "--remount-ro", "/dev", "--"]


def _own_user(readable: Sequence[Path], output: Path | None) -> list[str]:
    """Options of setpriv that take a child of root to a user who owns nothing but the output, where it can work so."""
    if os.geteuid() != 0 or not all(_open_to_others(path) for path in readable):
        return []
    if output is not None:
        if not all(parent.stat().st_mode & stat.S_IXOTH for parent in output.absolute().parents):
            return []
        for path in (output, *output.rglob("*")):
            os.chown(path, _NOBODY, _NOBODY, follow_symlinks=False)
    return ["--reuid", str(_NOBODY), "--regid", str(_NOBODY), "--clear-groups"]


def _open_to_others(path: Path) -> bool:
    """Whether a stranger may read a file, or list a folder, and reach it."""
    needed = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
    reachable = all(parent.stat().st_mode & stat.S_IXOTH for parent in path.absolute().parents)
    return reachable and path.stat().st_mode & needed == needed


def _interpreter() -> list[str]:
    """This Python without site processing, told where our sources and the libraries are."""
    here = Path(__file__).resolve().parent
    search = [str(here.parent), *(str(path) for path in _libraries())]
    return [os.path.realpath(sys.executable), "-I", "-S", "-B", str(here / "child.py"), os.pathsep.join(search)]


def _interpreter_folders() -> list[Path]:
    """What the interpreter reads: itself with its standard library, installed libraries, and this package."""
    return [Path(sys.base_prefix).resolve(), *_libraries(), Path(__file__).resolve().parent]


def _libraries() -> list[Path]:
    names = {"site-packages", "dist-packages"}
    return [Path(entry).resolve() for entry in sys.path if Path(entry).name in names and Path(entry).is_dir()]
