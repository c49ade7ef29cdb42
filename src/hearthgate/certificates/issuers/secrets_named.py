"""Which Secrets an issuer names, wherever in its spec. Pure."""

from collections.abc import Iterator

import msgspec

from hearthgate.certificates.issuers.named import AnyIssuer
from hearthgate.resources.certmanager.references import SecretKeyRef


def secrets_named(issuer: AnyIssuer) -> frozenset[str]:
    names = {ref.name for _, ref in references(issuer.spec, "spec")}
    return frozenset(names | ({issuer.spec.ca.secret_name} if issuer.spec.ca is not None else set()))


def references(part: object, path: str) -> Iterator[tuple[str, SecretKeyRef]]:
    """All that lie in a part of a spec, with their paths."""
    if isinstance(part, SecretKeyRef):
        yield path, part
    elif isinstance(part, msgspec.Struct):
        for field in msgspec.structs.fields(part):
            yield from references(getattr(part, field.name), f"{path}.{field.encode_name}")
    elif isinstance(part, tuple):
        for index, item in enumerate(part):
            yield from references(item, f"{path}[{index}]")
