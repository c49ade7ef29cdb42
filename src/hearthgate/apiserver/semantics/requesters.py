"""Who asked for a certificate: cert-manager's CertificateRequest carries it, and only the API server says it.

What a client writes there is replaced when the object is made; later it stays, whoever leaves it out.
"""

from typing import Any, Final

from hearthgate.apiserver.access.identity import Identity
from hearthgate.apiserver.semantics.validation.certmanager import REQUESTS

Object = dict[str, Any]

_FIELDS: Final = ("username", "uid", "groups", "extra")


def stamp(resource: str, obj: Object, requester: Identity) -> None:
    """Changes a new object in place."""
    spec = obj.get("spec")
    if resource != REQUESTS or not isinstance(spec, dict):
        return
    said = {"username": requester.user, "uid": requester.uid, "groups": list(requester.groups)}
    kept = {name: value for name, value in spec.items() if name not in _FIELDS}
    obj["spec"] = kept | {name: value for name, value in said.items() if value}


def keep(resource: str, old: Object, obj: Object) -> None:
    """Changes an object that replaces another in place."""
    spec, before = obj.get("spec"), old.get("spec")
    if resource != REQUESTS or not isinstance(spec, dict) or not isinstance(before, dict):
        return
    obj["spec"] = spec | {name: before[name] for name in _FIELDS if name in before and name not in spec}
