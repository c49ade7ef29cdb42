"""TLSOption to TLSOptions, and which options rule which host."""

from cryptography import x509

from hearthgate.ingress.routing.model import DEFAULT_TLS_OPTIONS, ClientAuth, TLSOptions
from hearthgate.ingress.routing.names import object_name
from hearthgate.ingress.routing.tls_values import checked_ciphers, checked_version
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.ingress.routing.transports import CA_KEYS
from hearthgate.model.problems import Problem, Reason, did_you_mean, shorten
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import Secret
from hearthgate.resources.traefik import TLSOption
from hearthgate.resources.traefik.tls import ClientAuth as ClientAuthSpec

CURVES = {
    "secp256r1": "P-256",
    "CurveP256": "P-256",
    "secp384r1": "P-384",
    "CurveP384": "P-384",
    "secp521r1": "P-521",
    "CurveP521": "P-521",
    "x25519": "X25519",
    "X25519": "X25519",
    "X25519MLKEM768": "X25519MLKEM768",
}
DEFAULT_ALPN = ("h2", "http/1.1")
_NEEDS_CA = ("VerifyClientCertIfGiven", "RequireAndVerifyClientCert")


def options_name(resource: TLSOption) -> str:
    """`default` in any namespace is the one that rules all hosts without options of their own."""
    return DEFAULT_TLS_OPTIONS if resource.metadata.name == DEFAULT_TLS_OPTIONS else object_name(*resource.key)


def built_options(tracker: Tracker, resource: TLSOption) -> Result[TLSOptions | None]:
    """None when the option is invalid: its hosts must not be served with less security than asked for."""

    def build() -> Result[TLSOptions | None]:
        tracker.get(TLSOption, *resource.key)
        return _Builder(tracker, resource).build()

    return tracker.result(("tls", *resource.key), build)


class _Builder:
    def __init__(self, tracker: Tracker, resource: TLSOption) -> None:
        self._tracker = tracker
        self._ref = resource.ref
        self._resource = resource
        self._problems: list[Problem] = []

    def build(self) -> Result[TLSOptions | None]:
        spec = self._resource.spec
        low = self._version(spec.min_version, "minVersion", "1.2")
        high = self._version(spec.max_version, "maxVersion", "1.3")
        if low > high and not self._problems:
            self._refuse(
                "minVersion", f"{spec.min_version or 'VersionTLS12'} is above maxVersion {spec.max_version}"
            )
        options = TLSOptions(
            name=options_name(self._resource),
            min_version=low,
            max_version=high,
            ciphers=self._ciphers(spec.cipher_suites),
            curves=self._curves(spec.curve_preferences),
            alpn=tuple(p for p in spec.alpn_protocols if p != "acme-tls/1") or DEFAULT_ALPN,
            client_auth=self._client_auth(spec.client_auth),
            sni_strict=spec.sni_strict,
            session_tickets=not spec.disable_session_tickets,
        )
        return Result(None if self._problems else options, tuple(self._problems))

    def _refuse(self, field: str, message: str, reason: Reason = Reason.INVALID_VALUE) -> None:
        self._problems.append(Problem(ref=self._ref, field=f"spec.{field}", reason=reason, message=message))

    def _version(self, value: str, field: str, default: str) -> str:
        version, complaint = checked_version(value, default)
        if complaint:
            self._refuse(field, complaint)
        return version

    def _ciphers(self, names: tuple[str, ...]) -> tuple[str, ...]:
        for index, reason, message in checked_ciphers(names):
            self._refuse(f"cipherSuites[{index}]", message, reason)
        return names

    def _curves(self, names: tuple[str, ...]) -> tuple[str, ...]:
        for index, name in enumerate(names):
            if name not in CURVES:
                self._refuse(
                    f"curvePreferences[{index}]", f"unknown curve {shorten(name)}{did_you_mean(name, CURVES)}"
                )
        return tuple(dict.fromkeys(CURVES[name] for name in names if name in CURVES))

    def _client_auth(self, spec: ClientAuthSpec | None) -> ClientAuth | None:
        if spec is None:
            return None
        cas = [ca for index, name in enumerate(spec.secret_names) if (ca := self._authorities(index, name))]
        kind = spec.client_auth_type or ("RequireAndVerifyClientCert" if spec.secret_names else "NoClientCert")
        if kind in _NEEDS_CA and not spec.secret_names:
            self._refuse(
                "clientAuth.secretNames", f"{kind} needs a Secret with the authorities", Reason.MISSING_FIELD
            )
        return None if kind == "NoClientCert" else ClientAuth(type=kind, cas=tuple(cas))

    def _authorities(self, index: int, name: str) -> str | None:
        field = f"clientAuth.secretNames[{index}]"
        secret = self._tracker.get(Secret, self._ref.namespace, name)
        values = [value for key in CA_KEYS if secret is not None and (value := secret.value(key))]
        if not values:
            where = ObjectRef("Secret", self._ref.namespace, name)
            message = f"{where} does not exist or has no key {' or '.join(CA_KEYS)}"
            self._refuse(field, message, Reason.SECRET_NOT_FOUND)
            return None
        pem = values[0].reveal()
        try:
            x509.load_pem_x509_certificates(pem)
            return pem.decode("ascii")
        except ValueError:
            message = f"Secret {self._ref.namespace}/{name}: no certificate in PEM form can be read"
            self._refuse(field, message, Reason.SECRET_INVALID)
            return None
