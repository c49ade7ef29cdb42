"""What the translation needs to know of the machine that the proxy runs on."""

from typing import Final, NamedTuple

from hearthgate.ingress.envoy.observability.recording import OFF, Recording
from hearthgate.ingress.observability.internals import socket_name

IN_FLIGHT_SOCKET: Final = "in-flight.sock"
"""Name of the socket beside that of the authentication service."""
PROOF_SOCKET: Final = "proofs.sock"
"""The same of the service that takes the handshakes of CAs."""


class ProxyOptions(NamedTuple):
    """hostname: what backends learn as X-Forwarded-Server.
    auth_socket: unix socket of the authentication service; empty = none.
    system_cas: PEM file with the authorities that the system trusts; empty = none, and then an https backend
    whose transport names no authorities of its own cannot be verified, so it is refused.
    use_ipv6: whether this kernel has IPv6; without it `::` listens on IPv4 alone.
    recording: what is recorded of requests.
    """

    hostname: str = "hearthgate"
    auth_socket: str = ""
    system_cas: str = ""
    use_ipv6: bool = True
    recording: Recording = OFF

    @property
    def tables_folder(self) -> str:
        """Where scripts find the tables that guards write, ends in a slash; empty = nowhere."""
        folder, slash, _ = self.auth_socket.rpartition("/")
        return f"{folder}{slash}"

    @property
    def in_flight_socket(self) -> str:
        """Unix socket of the service that counts requests under way; empty = none."""
        folder, slash, _ = self.auth_socket.rpartition("/")
        return f"{folder}{slash}{IN_FLIGHT_SOCKET}" if self.auth_socket else ""

    @property
    def proof_socket(self) -> str:
        """Unix socket of the service that takes the handshakes of CAs; empty = none."""
        folder, slash, _ = self.auth_socket.rpartition("/")
        return f"{folder}{slash}{PROOF_SOCKET}" if self.auth_socket else ""

    def internal_socket(self, service: str) -> str:
        """Unix socket of a service of this program, such as `api@internal`; empty = none."""
        folder, slash, _ = self.auth_socket.rpartition("/")
        return f"{folder}{slash}{socket_name(service)}" if self.auth_socket else ""
