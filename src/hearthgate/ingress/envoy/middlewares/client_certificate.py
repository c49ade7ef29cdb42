"""passTLSClientCert: a script reads the certificate. Envoy's own formats lack upstream's parts and order."""

from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from hearthgate.ingress.envoy.middlewares.lane import Lane, Refusal, Steps
from hearthgate.ingress.envoy.middlewares.mutations import mutation, remove_spellings
from hearthgate.ingress.envoy.middlewares.scripts import script_filter
from hearthgate.ingress.middlewares.client_certificate import ClientCertificate

_HEADERS: Final = ("x-forwarded-tls-client-cert", "x-forwarded-tls-client-cert-info")


def pass_tls_client_cert(middleware: ClientCertificate, lane: Lane) -> Steps | Refusal:
    """What clients say of a certificate never passes, trusted ones included: a backend would take it for ours."""
    steps = [mutation(request=map(remove_spellings, _HEADERS))]
    if lane.scope.tls:
        steps.append(_script(middleware))
    headers = {name: value for name, value in lane.headers.items() if name not in _HEADERS}
    return (replace(lane.through(*steps), changed=lane.changed | set(_HEADERS), headers=headers),)


@lru_cache(maxsize=256)
def _script(middleware: ClientCertificate) -> Any:
    info = middleware.info
    told: dict[str, Any] | None = None
    if info is not None:
        told = {"serial": info.serial, "begins": info.begins, "ends": info.ends, "names": info.names}
        for key, parts in (("subject", info.subject), ("issuer", info.issuer)):
            if parts is not None:
                told[key] = dict.fromkeys(parts, True)
    return script_filter("client_certificate", {"pem": middleware.pem, "info": told})
