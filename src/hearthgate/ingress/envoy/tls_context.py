"""TLSOptions to Envoy's downstream TLS contexts.

Certificates come on demand: at a handshake Envoy asks for a secret under the name that the client sent (SNI),
and `certificates.CertificateIndex` decides. So a new site or a renewed certificate changes no listener, and no
open connection is drained. The price: this selector works only without session resumption, so every connection
makes a full handshake whatever `sessionTickets` says; with TLS 1.3 that is no extra round trip.
QUIC listeners have no such selector: they hold the list of all certificates and change when one comes or goes.
"""

from collections.abc import Iterable
from typing import Any, Final

from hearthgate.ingress.envoy.messages import ADS, extension, make, wrapped
from hearthgate.ingress.routing.model import ClientAuth, TLSOptions

NO_SNI: Final = "hearthgate/no-sni"
"""Secret that is asked for when a client names no host."""
NO_SNI_STRICT: Final = "hearthgate/no-sni-strict"
"""The same under options with sniStrict: always refused."""
_TLS: Final = "envoy.extensions.transport_sockets.tls."
_VERSIONS: Final = {"1.0": "TLSv1_0", "1.1": "TLSv1_1", "1.2": "TLSv1_2", "1.3": "TLSv1_3"}
_KEY_EXCHANGES: Final = {
    "TLS_ECDHE_ECDSA_WITH_": "ECDHE-ECDSA-",
    "TLS_ECDHE_RSA_WITH_": "ECDHE-RSA-",
    "TLS_RSA_WITH_": "",
}
_BULK_CIPHERS: Final = {
    "AES_128_CBC_SHA": "AES128-SHA",
    "AES_256_CBC_SHA": "AES256-SHA",
    "AES_128_CBC_SHA256": "AES128-SHA256",
    "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "CHACHA20_POLY1305": "CHACHA20-POLY1305",
    "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
}


def cipher(name: str) -> str | None:
    """BoringSSL's name of one of Go's cipher suites below TLS 1.3; None for those that are not chosen by list."""
    for prefix, short in _KEY_EXCHANGES.items():
        if name.startswith(prefix) and (bulk := _BULK_CIPHERS.get(name.removeprefix(prefix))):
            return short + bulk
    return None


def suite(name: str) -> str:
    """Go's name of one of BoringSSL's cipher suites; the names of TLS 1.3 are the same."""
    for prefix, short in _KEY_EXCHANGES.items():
        for bulk, known in _BULK_CIPHERS.items():
            if short + known == name and bulk != "CHACHA20_POLY1305":
                return prefix + bulk
    return name


def needs_placeholder(options: TLSOptions) -> bool:
    """Whether clients are asked for certificates while no authority is named."""
    return options.client_auth is not None and not options.client_auth.cas


def serves_quic(options: TLSOptions) -> bool:
    """Whether HTTP/3 can keep what the options promise: it is TLS 1.3, and knows no client certificates here."""
    return options.max_version == "1.3" and options.client_auth is None and "h2" in options.alpn


def downstream_context(options: TLSOptions, placeholder_ca: str) -> Any:
    """The DownstreamTlsContext for TCP connections. `placeholder_ca`: any certificate in PEM form."""
    context = {
        "tls_params": _parameters(options),
        "custom_tls_certificate_selector": _selector(options),
        "alpn_protocols": options.alpn,
    }
    required = False
    if options.client_auth is not None:
        context["validation_context"], required = _validation(options.client_auth, placeholder_ca)
    return _downstream(context, require_client_certificate=wrapped(required))


def quic_context(options: TLSOptions, secrets: tuple[str, ...]) -> Any:
    """The DownstreamTlsContext for QUIC connections, with secrets by name; the first is the default one."""
    configs = [{"name": name, "sds_config": ADS} for name in secrets]
    return _downstream({"tls_params": _parameters(options), "tls_certificate_sds_secret_configs": configs})


def _downstream(context: dict[str, Any], **more: Any) -> Any:
    return make(
        f"{_TLS}v3.DownstreamTlsContext",
        common_tls_context=context,
        disable_stateless_session_resumption=True,
        disable_stateful_session_resumption=True,
        **more,
    )


def _parameters(options: TLSOptions) -> dict[str, Any]:
    return {
        **version_parameters(options.min_version, options.max_version, options.ciphers),
        "ecdh_curves": options.curves,
    }


def version_parameters(low: str, high: str, ciphers: Iterable[str]) -> dict[str, Any]:
    """The fields of TlsParameters for versions `1.0` to `1.3` and Go's names of ciphers."""
    chosen = dict.fromkeys(name for name in map(cipher, ciphers) if name)
    return {
        "tls_minimum_protocol_version": _VERSIONS[low],
        "tls_maximum_protocol_version": _VERSIONS[high],
        "cipher_suites": list(chosen),
    }


def _selector(options: TLSOptions) -> dict[str, Any]:
    mapper = extension(
        "envoy.tls.certificate_mappers.sni",
        f"{_TLS}cert_mappers.sni.v3.SNI",
        default_value=NO_SNI_STRICT if options.sni_strict else NO_SNI,
    )
    return extension(
        "envoy.tls.certificate_selectors.on_demand_secret",
        f"{_TLS}cert_selectors.on_demand_secret.v3.Config",
        config_source=ADS,
        certificate_mapper=mapper,
    )


def _validation(auth: ClientAuth, placeholder_ca: str) -> tuple[dict[str, Any], bool]:
    """The validation context, and whether a handshake without a client certificate fails.

    Envoy asks for a certificate, and insists on one, only when it has some authority to name. Where upstream
    takes any certificate, `placeholder_ca` stands in: it is neither believed nor told to the client.
    """
    verified = auth.type in ("VerifyClientCertIfGiven", "RequireAndVerifyClientCert")
    context: dict[str, Any] = {"trusted_ca": {"inline_string": "\n".join(auth.cas) or placeholder_ca}}
    if not verified:
        context["trust_chain_verification"] = "ACCEPT_UNTRUSTED"
        context["suppress_client_ca_list"] = True
    return context, auth.type in ("RequireAnyClientCert", "RequireAndVerifyClientCert")
