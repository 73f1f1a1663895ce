"""To which names of this machine the studio answers.

A page of any site may let its own name lead to 127.0.0.1 and would then be of one origin with the studio (DNS
rebinding). It cannot choose what the browser writes into ``Host``, which is that name; so only names that nobody else
can own are answered: addresses, which are parsed and never compared as text, and those of this machine.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(?::([0-9]{1,5}))?", re.ASCII)


@dataclass(frozen=True)
class Hosts:
    """The names that are answered.

    Args:
        is_open: whether other machines may ask, by any address of this one.
        names: that are answered besides addresses; ``localhost`` always is.
    """

    is_open: bool = False
    names: frozenset[str] = frozenset()

    def answers(self, header: str) -> bool:
        """Whether a value of the header ``Host`` is one of ours.

        >>> [Hosts().answers(one) for one in ("localhost:80", "[::1]", "127.0.0.1.evil.com", "10.0.0.1")]
        [True, True, False, False]
        """
        match = _HOST.fullmatch(header.lower())
        if match is None or int(match[2] or 0) > 65535:
            return False
        name = match[1]
        if name == "localhost" or name in self.names:
            return True
        address = _address(name)
        if address is None:
            return False
        return address.is_loopback or (self.is_open and not address.is_unspecified)


def hosts_of(host: str) -> Hosts:
    """The names for a studio that listens at ``host``."""
    if is_loopback(host):
        return Hosts()
    own = socket.gethostname().lower()
    names = {own, f"{own.partition('.')[0]}.local"}
    return Hosts(is_open=True, names=frozenset(names if _address(host) else {*names, host.lower()}))


def reachable(host: str) -> str:
    """By which name others reach a studio that listens at ``host``: that of all addresses is none of them."""
    address = _address(host)
    if address is None or not address.is_unspecified:
        return f"[{host}]" if ":" in host else host
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # chooses an address of ours; nothing is sent
        return str(probe.getsockname()[0])
    return socket.gethostname()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    >>> is_loopback("localhost"), is_loopback("127.0.0.2"), is_loopback("0.0.0.0"), is_loopback("10.evil.com")
    (True, True, False, False)
    """
    if host == "localhost":
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name.strip("[]"))
    except ValueError:
        return None
