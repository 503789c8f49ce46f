"""Ports for servers of the tests, which are started, stopped and started again on the same one."""

import secrets
import socket

# Below the kernel's ephemeral range (ip_local_port_range, from 32768) and the node ports (from
# 30000): no connection that somebody makes meanwhile takes a port before its server listens.
_FIRST, _LAST = 20_000, 29_999

# One abstract socket a port, which the kernel frees with this process: other processes of the
# tests must not choose a port whose server has yet to start.
_held: list[socket.socket] = []


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Different ports of an address that nobody listens on; they stay this process's own."""
    found: set[int] = set()
    while len(found) < count:
        port = _FIRST + secrets.randbelow(_LAST - _FIRST + 1)
        if _is_free(address, port) and _take(address, port):
            found.add(port)
    return list(found)


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        # As servers do, so that a port counts as free whose last connections have just ended.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _take(address: str, port: int) -> bool:
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0stashgen-test-port/{address}:{port}")
    except OSError:
        claim.close()
        return False
    _held.append(claim)
    return True
