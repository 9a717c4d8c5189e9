"""A filter for the kernel by which a process may start threads but no process: what a parser never needs to do.

The count of processes that the kernel keeps does not bind root, and watching loses the race against a fork bomb.
Format: classic BPF over ``struct seccomp_data`` (linux/seccomp.h); bubblewrap installs it just before the program.
"""

import errno
import platform
import struct

_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little-endian
_LOAD, _EQUAL, _AT_LEAST, _HAS_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_CLONE_THREAD = 0x10000
_CLONE3 = 435
_X32 = 0x40000000

# Machine: audit architecture, clone, and the calls that only ever start a process.
_MACHINES: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "x86_64": (0xC000003E, 56, (57, 58)),
    "aarch64": (0xC00000B7, 220, ()),
}


def seccomp_filter(machine: str = "") -> bytes:
    """The program as bytes for ``bwrap --seccomp``; empty for a machine whose numbers are not known here."""
    known = _MACHINES.get(machine or platform.machine())
    if known is None:
        return b""
    architecture, clone, forks = known
    denied, unknown = _ERROR | errno.EPERM, _ERROR | errno.ENOSYS
    code: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, denied),
        (_EQUAL, 0, 1, _CLONE3),  # its flags lie in memory, where they cannot be judged: libraries then use clone
        (_RETURN, 0, 0, unknown),
    ]
    for number in forks:
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, denied)]
    code += [
        (_EQUAL, 1, 0, clone),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_HAS_BITS, 0, 1, _CLONE_THREAD),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, denied),
    ]
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)
