"""The listening socket."""

import contextlib
import ctypes
import socket
import struct
import sys

from kedja.common.errors import KedjaError

BACKLOG = 2048
# What a browser on this machine asks for where the server listens on every interface.
_LOCAL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- compared, not bound

_SO_ATTACH_FILTER = 26
# Classic BPF over the TCP header: load the byte of flags; with SYN set drop, else keep the packet.
_DROP_SYN = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, IPv4 or IPv6 as the host says.

    Raises:
        KedjaError: the address is taken, forbidden, or not this machine's.
    """
    try:
        family, *_, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise KedjaError(f"host={host} is no address of this machine: {error.strerror or error}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
        # Workers share it: one that comes late to a connection must not wait for the next.
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise KedjaError(f"cannot listen on {host}:{port}: {error.strerror}", "choose another with port=…") from None
    return listener


def address(listener: socket.socket, secure: bool) -> str:
    """The address that a browser on this machine would use."""
    host, port = listener.getsockname()[:2]
    host = _LOCAL.get(host, host)
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def refuse_new(listener: socket.socket) -> None:
    """Let the kernel drop new connections (Linux), while those that stand in line can still be accepted.

    Closing a listening socket resets connections that were made and not yet accepted; after this call and a moment
    to accept them, none is left. A dropped client tries again by itself within a second, and finds the socket closed
    or another server on it.
    """
    if not sys.platform.startswith("linux"):
        return
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in _DROP_SYN)
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog of linux/filter.h: the number of instructions and where they are.
    fprog = struct.pack("HP", len(_DROP_SYN), ctypes.addressof(buffer))
    with contextlib.suppress(OSError):  # a sandbox may forbid filters; then some connections may be reset
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
