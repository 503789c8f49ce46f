"""Ports for servers of the tests, which are started, stopped and started again on the same one."""

import secrets
import socket

# Below the kernel's ephemeral range (ip_local_port_range, from 32768) and the node ports (from
# 30000): no connection that somebody makes meanwhile takes a port before its server listens.
_FIRST, _LAST = 20_000, 29_999


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Different ports of an address that nobody listens on."""
    found: set[int] = set()
    while len(found) < count:
        port = _FIRST + secrets.randbelow(_LAST - _FIRST + 1)
        if _is_free(address, port):
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
