"""What the proxy must know of this machine: sockets, host name, the system's authorities, IPv6."""

import hashlib
import os
import socket
import ssl
from pathlib import Path

from hearthgate.app.recording import recording
from hearthgate.app.settings import SettingsError
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.routing.model import Transport
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.errors import Permanent
from hearthgate.model.problems import Problem, Reason

LONGEST_SOCKET_FOLDER = 107 - len("/admin-0123456789abcdef.sock")
"""A unix socket's path has room for 107 bytes; this is the longest name."""
SYSTEM_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def socket_folder(state: Path) -> Path:
    """A folder for unix sockets, the same one for the same state folder, so that a restart finds its Envoy.

    Inside the state folder; where that path is too long, in the temporary folder, guarded against others.
    """
    folder = state / "run"
    if len(os.fsencode(folder)) > LONGEST_SOCKET_FOLDER:
        digest = hashlib.blake2b(os.fsencode(state), digest_size=6).hexdigest()
        base = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")  # noqa: S108 - owner and mode are checked below
        folder = base / f"hearthgate-{os.geteuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o077 or folder.is_symlink():
        raise Permanent(f"{folder} is not ours alone: remove it, or choose a shorter --state")
    return folder


def proxy_options(auth_socket: Path, settings: IngressSettings) -> ProxyOptions:
    """Raises SettingsError, and what `ensure_schema` raises: recording is tried on Envoy's own messages."""
    ensure_schema()
    system_cas = _system_bundle()
    return ProxyOptions(
        hostname=socket.gethostname(),
        auth_socket=str(auth_socket),
        system_cas=system_cas,
        use_ipv6=Path("/proc/net/if_inet6").exists(),
        recording=recording(settings, system_cas),
    )


def default_transport(settings: IngressSettings) -> Transport:
    """The transport of backends that name none. Raises SettingsError when an authority file cannot be read."""
    transport = settings.servers_transport
    cas = []
    for index, path in enumerate(transport.root_cas):
        try:
            cas.append(Path(path).read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            problem = Problem(
                ref=SETTINGS_REF,
                field=f"serversTransport.rootCAs[{index}]",
                reason=Reason.UNREADABLE,
                message=f"{path}: {getattr(error, 'strerror', None) or 'not a PEM file'}",
            )
            raise SettingsError([problem]) from error
    return Transport(insecure_skip_verify=transport.insecure_skip_verify, root_cas=tuple(cas))


def _system_bundle() -> str:
    candidates = (ssl.get_default_verify_paths().cafile, *SYSTEM_BUNDLES)
    return next((path for path in candidates if path and Path(path).is_file()), "")
