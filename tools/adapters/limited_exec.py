"""Takes limits upon itself and becomes another program. A script of its own: nothing of Plumbline is imported here.

    python -I -S limited_exec.py MEMORY_BYTES CPU_SECONDS FILE_BYTES PROGRAM [ARGUMENT ...]

The program and all that it starts keep the limits. On Linux they can't open a socket either, whatever they try: a
seccomp filter answers "permission denied", which needs no rights and can't be taken back.
"""

import ctypes
import os
import platform
import resource
import struct
import sys

_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_MODE_FILTER = 2
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 13  # the errno in the low half: EACCES
_ARCHITECTURE_OFFSET, _NUMBER_OFFSET = 4, 0
_IO_URING_SETUP = 425
"""Its rings open sockets without the system call of that name."""
_FOREIGN_ABI = 0x40000000
"""System calls from here up are those of the x32 interface, which has a second number for everything."""
_MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""Machine to its AUDIT_ARCH constant and the number of `socket`, from the kernel's `audit.h` and `unistd.h`."""


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def forbid_sockets() -> bool:
    """Refuse sockets to this process for good; False where the system has no such filter."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        return False
    architecture, socket = _MACHINES[platform.machine()]
    program = b"".join(
        (
            _instruction(_LOAD, _ARCHITECTURE_OFFSET),
            _instruction(_EQUAL, architecture, 0, 4),
            _instruction(_LOAD, _NUMBER_OFFSET),
            _instruction(_AT_LEAST, _FOREIGN_ABI, 2, 0),
            _instruction(_EQUAL, _IO_URING_SETUP, 1, 0),
            _instruction(_EQUAL, socket, 0, 1),
            _instruction(_RETURN, _REFUSE),
            _instruction(_RETURN, _ALLOW),
        )
    )
    code = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HL", len(program) // 8, ctypes.addressof(code)))
    system = ctypes.CDLL(None)
    if system.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(system.prctl(_PR_SET_SECCOMP, _MODE_FILTER, header, 0, 0) == 0)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (most, most))


def main() -> None:
    """Set the limits, then become the program."""
    memory, seconds, size = map(int, sys.argv[1:4])
    # Not the address space: programs written in Go reserve gigabytes of it that they never use.
    _limit(resource.RLIMIT_DATA, memory)
    _limit(resource.RLIMIT_CPU, seconds)
    _limit(resource.RLIMIT_FSIZE, size)
    _limit(resource.RLIMIT_CORE, 0)
    forbid_sockets()
    os.execv(sys.argv[4], sys.argv[4:])  # noqa: S606 - the caller's list of arguments, no shell


if __name__ == "__main__":
    main()
