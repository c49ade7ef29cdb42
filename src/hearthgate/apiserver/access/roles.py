"""Who may do what: three roles instead of rbac.authorization.k8s.io. Pure.

A role comes from the groups of an identity (`hearthgate:viewer`), as upstream binds roles to groups. There is no
rule that forbids: what no role allows is refused.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from hearthgate.apiserver.access.identity import ADMIN_GROUP, AUTHENTICATED, ROLE_PREFIX, Identity
from hearthgate.resources.kinds import Kind

READ: Final = frozenset({"get", "list", "watch"})
WRITE: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_SUBRESOURCES: Final = frozenset({"", "status", "log", "scale"})
_DISCOVERY: Final = ("/api", "/apis", "/healthz", "/livez", "/openapi", "/readyz", "/version")
_REVIEW_GROUPS: Final = frozenset({"authentication.k8s.io", "authorization.k8s.io"})
_SELF_REVIEWS: Final = frozenset(
    {
        ("authentication.k8s.io", "selfsubjectreviews"),
        ("authorization.k8s.io", "selfsubjectaccessreviews"),
        ("authorization.k8s.io", "selfsubjectrulesreviews"),
    }
)


class Role(StrEnum):
    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"


class Attributes(NamedTuple):
    """What a request wants. Without `resource` it is about `path`; `*` stands for any, in reviews."""

    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


class Rule(NamedTuple):
    """A line of SelfSubjectRulesReview: about resources, or about paths when there are no resources."""

    verbs: Sequence[str]
    groups: Sequence[str] = ()
    resources: Sequence[str] = ()
    paths: Sequence[str] = ()


def role_group(role: Role) -> str:
    return f"{ROLE_PREFIX}{role}"


def role_of(identity: Identity) -> Role | None:
    """The strongest role among the groups."""
    if ADMIN_GROUP in identity.groups:
        return Role.ADMIN
    return next((role for role in reversed(Role) if role_group(role) in identity.groups), None)


def allows(identity: Identity, wanted: Attributes, *, namespaced: bool | None) -> bool:
    """Whether the identity may do it. `namespaced`: the scope of the resource, None when nothing serves it."""
    role = role_of(identity)
    if role is Role.ADMIN:
        return True
    if not wanted.resource:
        return AUTHENTICATED in identity.groups and wanted.verb in {"get", "head"} and _is_discovery(wanted.path)
    if wanted.verb == "create" and (wanted.group, wanted.resource) in _SELF_REVIEWS:
        return AUTHENTICATED in identity.groups
    if role is None or wanted.group in _REVIEW_GROUPS or wanted.subresource not in _SUBRESOURCES:
        return False
    if wanted.subresource == "log" and wanted.verb not in READ:
        return False
    place = _place(wanted, namespaced)
    if identity.namespaces and place not in identity.namespaces:
        return False
    if wanted.verb in READ:
        return role is Role.EDITOR or not _is_secret(wanted)
    return role is Role.EDITOR and wanted.verb in WRITE and _is_inside(wanted, namespaced)


def refusal(identity: Identity, wanted: Attributes) -> str:
    """Why not, in upstream's words."""
    user = f'User "{identity.user}" cannot {wanted.verb}'
    if not wanted.resource:
        return f'{user} path "{wanted.path}"'
    resource = f"{wanted.resource}/{wanted.subresource}" if wanted.subresource else wanted.resource
    where = f'in the namespace "{wanted.namespace}"' if wanted.namespace else "at the cluster scope"
    return f'{user} resource "{resource}" in API group "{wanted.group}" {where}'


def rules_of(identity: Identity, namespace: str, kinds: Iterable[Kind]) -> list[Rule]:
    """What `allows` allows in one namespace, as rules that add up: Secrets are left out by naming the rest."""
    role = role_of(identity)
    if role is Role.ADMIN:
        return [Rule(["*"], ["*"], ["*"]), Rule(["*"], paths=["*"])]
    if AUTHENTICATED not in identity.groups:
        return []
    rules = [Rule(["create"], [group], [resource]) for group, resource in sorted(_SELF_REVIEWS)]
    rules.append(Rule(["get"], paths=[item for root in _DISCOVERY for item in (root, f"{root}/*")]))
    if role is None or (identity.namespaces and namespace not in identity.namespaces):
        return rules
    served = sorted({(kind.group, kind.plural, kind.namespaced, kind.status) for kind in kinds})
    for group in dict.fromkeys(item[0] for item in served):
        for inside in (True, False):
            resources = [item for item in served if item[0] == group and item[2] == inside]
            rules += _rules(identity, role, group, resources, inside=inside)
    return rules


def _rules(
    identity: Identity, role: Role, group: str, served: Sequence[tuple[str, str, bool, bool]], *, inside: bool
) -> Iterable[Rule]:
    names = []
    for _, plural, _, status in served:
        if role is Role.VIEWER and _is_secret(Attributes("get", group, resource=plural)):
            continue
        if identity.namespaces and not inside and (group, plural) != ("", "namespaces"):
            continue
        names += [plural, *([f"{plural}/status"] if status else [])]
        if (group, plural) == ("", "pods"):
            yield Rule(["get"], [group], ["pods/log"])
    if not names:
        return
    if identity.namespaces and not inside:
        yield Rule(["get"], [group], names)
    else:
        yield Rule(sorted(READ | WRITE if role is Role.EDITOR and inside else READ), [group], names)


def _is_discovery(path: str) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in _DISCOVERY)


def _is_secret(wanted: Attributes) -> bool:
    return wanted.group in {"", "*"} and wanted.resource in {"secrets", "*"}


def _is_namespace(wanted: Attributes) -> bool:
    return (wanted.group, wanted.resource) == ("", "namespaces")


def _place(wanted: Attributes, namespaced: bool | None) -> str:
    """Where it is: a Namespace lies in itself, other cluster-scoped resources nowhere, whatever a review says."""
    if _is_namespace(wanted):
        return wanted.name
    return "" if namespaced is False else wanted.namespace


def _is_inside(wanted: Attributes, namespaced: bool | None) -> bool:
    """Whether it concerns what lies in namespaces. Of a resource that nothing serves only the request can tell."""
    if _is_namespace(wanted):
        return False
    return bool(wanted.namespace) if namespaced is None else namespaced
