"""Where the proxy listens."""

from hearthgate.ingress.routing.model.routers import Observed
from hearthgate.ingress.routing.model.values import Value


class EntryPoint(Value, frozen=True, kw_only=True):
    """Where the proxy listens. `host` is `0.0.0.0`, `::` (both families) or one address. Times in seconds,
    0 = no limit. `trusted_ips`: CIDRs whose X-Forwarded-* are believed. `advertised_port`: of Alt-Svc.

    proxy_protocol: whether connections may begin with a PROXY header; it is believed of `proxy_trusted_ips`, of
    everybody when there are none. semicolons: what stands for `;` in queries; empty = itself.
    """

    name: str
    host: str
    port: int
    http3: bool = False
    advertised_port: int = 0
    trust_everybody: bool = False
    trusted_ips: tuple[str, ...] = ()
    max_header_bytes: int = 1048576
    max_concurrent_streams: int = 250
    read_timeout: float = 0.0
    write_timeout: float = 0.0
    idle_timeout: float = 180.0
    max_connection_time: float = 0.0
    max_connection_requests: int = 0
    proxy_protocol: bool = False
    proxy_trusted_ips: tuple[str, ...] = ()
    header_table_size: int = 4096
    underscore_headers: str = "keep"
    sanitize_path: bool = True
    semicolons: str = ""
    append_forwarded_for: bool = True
    scheme_headers: bool = False
    observed: Observed = Observed()
    traced: bool = True


class UDPEntryPoint(Value, frozen=True, kw_only=True):
    """Where the proxy takes datagrams. `timeout`: seconds that a session without any is kept."""

    name: str
    host: str
    port: int
    timeout: float = 3.0
