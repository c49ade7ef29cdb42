"""TLS Secrets to Certificates: a pair that does not fit never gets as far as the proxy."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from hearthgate.ingress.routing.model import Certificate
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.refs import ObjectRef
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.core import Secret

CERTIFICATE_KEY, PRIVATE_KEY_KEY = "tls.crt", "tls.key"


class InvalidPairError(ValueError):
    """A key pair that cannot serve. The text names the key of the Secret, never its content."""


def built_certificate(tracker: Tracker, secret: Secret) -> Result[Certificate | None]:
    """The Certificate in a Secret; None when it cannot serve."""

    def build() -> Result[Certificate | None]:
        tracker.get(Secret, *secret.key)
        try:
            return Result(_read(secret))
        except InvalidPairError as error:
            problem = Problem(ref=secret.ref, field="data", reason=Reason.SECRET_INVALID, message=str(error))
            return Result(None, (problem,))

    return tracker.result(("certificate", *secret.key), build)


def is_pair(secret: Secret) -> bool:
    """Whether what is in a Secret could serve."""
    try:
        _read(secret)
    except InvalidPairError:
        return False
    return True


def _read(secret: Secret) -> Certificate:
    chain, key = secret.value(CERTIFICATE_KEY), secret.value(PRIVATE_KEY_KEY)
    for name, value in ((CERTIFICATE_KEY, chain), (PRIVATE_KEY_KEY, key)):
        if not value:
            raise InvalidPairError(f"has no {name}")
    assert chain is not None and key is not None  # noqa: S101, PT018 - checked by the loop above
    return read_pair(secret.ref, chain.reveal(), key)


def read_pair(ref: ObjectRef, chain: bytes, key: SecretBytes) -> Certificate:
    """Raises InvalidPairError when the pair cannot be read or the key is not the certificate's."""
    try:
        certificates = x509.load_pem_x509_certificates(chain)
    except ValueError:
        raise InvalidPairError(f"{CERTIFICATE_KEY}: no certificate in PEM form can be read") from None
    leaf = certificates[0]
    try:
        # Whether RSA's numbers are primes is no question of ours: looking takes 25 ms, 190 ms with 4096 bits. The
        # proxy refuses a key that does not work.
        private = serialization.load_pem_private_key(
            key.reveal(), password=None, unsafe_skip_rsa_key_validation=True
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidPairError(f"{PRIVATE_KEY_KEY}: no unencrypted private key in PEM form can be read") from None
    encoding = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*encoding) != leaf.public_key().public_bytes(*encoding):
        raise InvalidPairError(f"{PRIVATE_KEY_KEY} is not the key of the certificate in {CERTIFICATE_KEY}")
    return Certificate(
        ref=ref,
        names=_names(leaf),
        chain="".join(c.public_bytes(serialization.Encoding.PEM).decode() for c in certificates),
        key=SecretBytes(
            private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        ),
        not_after=leaf.not_valid_after_utc.timestamp(),
    )


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    """DNS names of the certificate; its common name only when it has no alternative names."""
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = [
            *extension.value.get_values_for_type(x509.DNSName),
            *map(str, extension.value.get_values_for_type(x509.IPAddress)),
        ]
    except x509.ExtensionNotFound:
        names = [str(a.value) for a in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return tuple(sorted({name.lower().removesuffix(".") for name in names}))
