"""Which proxy leads to a server: the rules of restic's HTTP client, for our own one.

obstore reads the same variables in another way: it ignores ``*.domain`` and ports in ``NO_PROXY``,
reads ``ALL_PROXY``, and asks a proxy for this machine itself. A storage that one of the two
reaches and the other does not would be Ready and never be backed up to. Source of the rules: Go,
``golang.org/x/net/http/httpproxy``.
"""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy of a server; None where it is reached without one.

    Args:
        url: Of the server.
        environment: The variables; ``HTTPS_PROXY`` counts before ``https_proxy``, and so on.
    """
    server = urlsplit(url)
    written = _first(environment, f"{server.scheme}_proxy")
    proxy = written if "://" in written else f"http://{written}"
    if not written or not _split(proxy).hostname:
        return None
    host = (server.hostname or "").lower()
    port = server.port or _PORTS[server.scheme]
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return None
    rules = (rule.strip().lower() for rule in _first(environment, "no_proxy").split(","))
    return None if any(_is_excluded(rule, host, port, address) for rule in rules) else proxy


def _is_excluded(
    rule: str, host: str, port: int, address: IPv4Address | IPv6Address | None
) -> bool:
    """Whether an entry of ``NO_PROXY`` names the host: an address, a network or a domain."""
    if rule == "*":
        return True
    if "/" in rule:
        return address is not None and _is_in(rule, address)
    if address is None or _address(rule) is None:
        name, _, rest = rule.rpartition(":") if _has_port(rule) else (rule, "", "")
        if rest and rest != str(port):
            return False
    else:
        name = rule
    if address is not None:
        return _address(name.strip("[]")) == address
    domain = name.removeprefix("*")
    is_itself = not domain.startswith(".") and host == domain
    return bool(domain) and (is_itself or host.endswith(f".{domain.removeprefix('.')}"))


def _has_port(rule: str) -> bool:
    return rule.count(":") == 1 or rule.rpartition("]")[2].startswith(":")


def _is_in(network: str, address: IPv4Address | IPv6Address) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        return False


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _first(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name.upper()) or environment.get(name) or ""


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")
