"""ServersTransport to Transport."""

from collections.abc import Iterator

from cryptography import x509

from hearthgate.ingress.routing.model import Transport
from hearthgate.ingress.routing.names import object_name
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.model.durations import parse_duration
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import ConfigMap, Secret
from hearthgate.resources.traefik import ServersTransport
from hearthgate.resources.traefik.transport import ForwardingTimeouts, RootCA

CA_KEYS = ("tls.ca", "ca.crt")
"""Upstream's keys for authorities in a Secret or ConfigMap, in order."""


class Transports:
    """Builds each ServersTransport once."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def built(self, resource: ServersTransport) -> Result[Transport | None]:
        """None when it cannot be used: a backend must not be spoken to with less care than asked for."""
        return self._tracker.result(("transport", *resource.key), lambda: self._build(resource))

    def _build(self, resource: ServersTransport) -> Result[Transport | None]:
        self._tracker.get(ServersTransport, *resource.key)
        spec, problems = resource.spec, list[Problem]()
        cas: list[str] = []
        roots = (*spec.root_cas, *(RootCA(secret=name) for name in spec.root_cas_secrets))
        for index, root in enumerate(roots):
            field = f"spec.rootCAs[{index}]"
            found = read_authorities(self._tracker, root, resource.ref, field)
            if isinstance(found, Problem):
                problems.append(found)
            else:
                cas.append(found)
        timeouts = spec.forwarding_timeouts or ForwardingTimeouts()
        times = {}
        for name, attribute in _TIMES.items():
            try:
                times[attribute] = parse_duration(getattr(timeouts, attribute))
            except ValueError as error:
                field = f"spec.forwardingTimeouts.{name}"
                problems.append(
                    Problem(ref=resource.ref, field=field, reason=Reason.INVALID_VALUE, message=str(error))
                )
        if problems:
            return Result(None, tuple(problems))
        return Result(
            Transport(
                name=object_name(*resource.key),
                insecure_skip_verify=spec.insecure_skip_verify,
                server_name=spec.server_name,
                root_cas=tuple(cas),
                http2=not spec.disable_http2,
                dial_timeout=times["dial_timeout"],
                response_header_timeout=times["response_header_timeout"],
                idle_timeout=times["idle_conn_timeout"],
            )
        )


_TIMES = {
    "dialTimeout": "dial_timeout",
    "responseHeaderTimeout": "response_header_timeout",
    "idleConnTimeout": "idle_conn_timeout",
}


def read_authorities(tracker: Tracker, root: RootCA, ref: ObjectRef, field: str) -> str | Problem:
    """PEM text of the authorities that `root` names in the namespace of `ref`."""
    if bool(root.secret) == bool(root.config_map):
        message = "exactly one of secret and configMap is needed"
        return Problem(ref=ref, field=field, reason=Reason.INVALID_VALUE, message=message)
    kind: type[Secret] | type[ConfigMap] = Secret if root.secret else ConfigMap
    name = root.secret or root.config_map
    where = f"{kind.__name__} {ref.namespace}/{name}"
    values = list(_values(tracker, root, ref.namespace))
    if not values:
        message = f"{where} does not exist or has no key {' or '.join(CA_KEYS)}"
        return Problem(ref=ref, field=field, reason=Reason.SECRET_NOT_FOUND, message=message)
    try:
        x509.load_pem_x509_certificates(values[0])
        return values[0].decode("ascii")
    except ValueError:
        message = f"{where}: no certificate in PEM form can be read"
        return Problem(ref=ref, field=field, reason=Reason.SECRET_INVALID, message=message)


def _values(tracker: Tracker, root: RootCA, namespace: str) -> Iterator[bytes]:
    if root.secret:
        secret = tracker.get(Secret, namespace, root.secret)
        for key in CA_KEYS:
            if secret is not None and (value := secret.value(key)) is not None:
                yield value.reveal()
    else:
        config_map = tracker.get(ConfigMap, namespace, root.config_map)
        for key in CA_KEYS:
            if config_map is not None and key in config_map.data:
                yield config_map.data[key].encode()
