"""A seccomp filter for a child: no sockets, no new processes, no signals, nothing that outlives the process.

Landlock keeps the files; this keeps what it does not cover, above all for root: ``chmod``, ``kill``,
``mount``, limits of other processes. Denied calls fail with EPERM, unknown new ones with ENOSYS; those of a
foreign architecture kill the process. Numbers: ``asm/unistd.h`` of Linux 6.1 for x86-64 and arm64.

Left open because ordinary programs need them: threads (``clone`` with CLONE_THREAD), and the connected pair
of local sockets that every asyncio loop makes.
"""

from __future__ import annotations

import functools
import os
import struct

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_DENIED: dict[str, tuple[int, int | None]] = {
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242),
    "bind": (49, 200), "listen": (50, 201), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "execve": (59, 221), "execveat": (322, 281), "fork": (57, None),
    "vfork": (58, None), "mount": (165, 40), "umount2": (166, 39), "unshare": (272, 97),
    "setns": (308, 268), "chroot": (161, 51), "pivot_root": (155, 41), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "setuid": (105, 146),
    "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143), "setresuid": (117, 147),
    "setresgid": (119, 149), "setgroups": (116, 159), "setfsuid": (122, 151), "setfsgid": (123, 152),
    "capset": (126, 91), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "personality": (135, 92), "shmget": (29, 194), "shmat": (30, 196), "msgget": (68, 186),
    "semget": (64, 190), "mq_open": (240, 180), "setpriority": (141, 140), "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "ioprio_set": (251, 30), "setrlimit": (160, 164), "chmod": (90, None), "fchmod": (91, 52),
    "fchmodat": (268, 53), "chown": (92, None), "fchown": (93, 55), "lchown": (94, None),
    "fchownat": (260, 54), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16), "utime": (132, None),
    "utimes": (235, None), "utimensat": (280, 88), "futimesat": (261, None), "acct": (163, 89),
    "quotactl": (179, 60), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "clock_adjtime": (305, 266), "adjtimex": (159, 171), "sethostname": (170, 161),
    "setdomainname": (171, 162), "syslog": (103, 116), "vhangup": (153, 58), "migrate_pages": (256, 238),
    "move_pages": (279, 239), "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None),
    "mknod": (133, None), "mknodat": (259, 33), "fanotify_init": (300, 262), "truncate": (76, 45),
}  # fmt: skip
_CLONE, _SOCKETPAIR, _SENDTO, _PRLIMIT = (56, 220), (53, 199), (44, 206), (302, 261)
_NEW = 424
"""From here on every architecture has the same numbers; only those that follow are needed."""
_NEW_ALLOWED = (436, 437, 439, 441, 449, 454, 455, 456)  # close_range openat2 faccessat2 epoll_pwait2 futex*

_CLONE_THREAD = 0x10000
_LOCAL = 1  # AF_UNIX
_X32 = 0x40000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_KILL, _ALLOW, _EPERM, _ENOSYS = 0x80000000, 0x7FFF0000, 0x00050001, 0x00050026
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16


def supported() -> bool:
    """Whether the filter knows this machine's system calls."""
    return os.uname().machine in _ARCHITECTURES


@functools.cache
def program(machine: str) -> bytes:
    """The filter as classic BPF, eight bytes an instruction (``linux/filter.h``)."""
    column, architecture = _ARCHITECTURES[machine]
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        steps += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    for allowed in _NEW_ALLOWED:
        steps += [(_EQUAL, 0, 1, allowed), (_RETURN, 0, 0, _ALLOW)]
    steps += [(_AT_LEAST, 0, 1, _NEW), (_RETURN, 0, 0, _ENOSYS)]
    for numbers in _DENIED.values():
        number = numbers[column]
        if number is not None:
            steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _EPERM)]
    steps += _only_if(_CLONE[column], 0, (_ANY_BIT, _CLONE_THREAD))
    steps += _only_if(_SOCKETPAIR[column], 0, (_EQUAL, _LOCAL))
    steps += _only_if_null(_SENDTO[column], 4)  # the address: only to the other end of a pair
    steps += _only_if_null(_PRLIMIT[column], 2)  # the new limit: only reading
    steps += [(_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _only_if(number: int, argument: int, test: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Allow the call when a test on the low half of an argument holds."""
    return [
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _ARGUMENTS + 8 * argument),
        (test[0], 0, 1, test[1]),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _EPERM),
    ]


def _only_if_null(number: int, argument: int) -> list[tuple[int, int, int, int]]:
    """Allow the call when both halves of an argument are 0."""
    return [
        (_EQUAL, 0, 6, number),
        (_LOAD, 0, 0, _ARGUMENTS + 8 * argument),
        (_EQUAL, 0, 3, 0),
        (_LOAD, 0, 0, _ARGUMENTS + 8 * argument + 4),
        (_EQUAL, 0, 1, 0),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _EPERM),
    ]
