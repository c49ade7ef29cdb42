"""Questions about access, answered and not stored: authentication.k8s.io and authorization.k8s.io.

The answers come from the same functions that let requests in. Pure.
"""

from collections.abc import Callable
from typing import Any, Final

from hearthgate.apiserver.access.identity import Identity, Known, assumed
from hearthgate.apiserver.access.roles import Attributes, refusal, role_of, rules_of
from hearthgate.apiserver.errors import Cause, bad_request, invalid
from hearthgate.apiserver.served import ServedKinds
from hearthgate.resources.kinds import Kind

Object = dict[str, Any]
Permits = Callable[[Identity, Attributes], bool]

_AUTHENTICATION: Final = "authentication.k8s.io"
_AUTHORIZATION: Final = "authorization.k8s.io"
REVIEWS: Final = (
    Kind(_AUTHENTICATION, "v1", "SelfSubjectReview", "selfsubjectreviews", namespaced=False),
    # kubectl 1.27 knows the older versions only.
    Kind(_AUTHENTICATION, "v1beta1", "SelfSubjectReview", "selfsubjectreviews", namespaced=False),
    Kind(_AUTHENTICATION, "v1alpha1", "SelfSubjectReview", "selfsubjectreviews", namespaced=False),
    Kind(_AUTHENTICATION, "v1", "TokenReview", "tokenreviews", namespaced=False),
    Kind(_AUTHORIZATION, "v1", "LocalSubjectAccessReview", "localsubjectaccessreviews"),
    Kind(_AUTHORIZATION, "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False),
    Kind(_AUTHORIZATION, "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", namespaced=False),
    Kind(_AUTHORIZATION, "v1", "SubjectAccessReview", "subjectaccessreviews", namespaced=False),
)
"""Kinds that are asked, never stored."""


class Reviews:
    """Answers for all that is served now."""

    def __init__(self, known: Known, permits: Permits, served: ServedKinds) -> None:
        self._known = known
        self._permits = permits
        self._served = served

    def find(self, wanted: Attributes) -> Kind | None:
        """The review that a request asks for. A name or a subresource has nothing to it."""
        if wanted.verb != "create" or wanted.name or wanted.subresource:
            return None
        path = (wanted.group, wanted.version, wanted.resource)
        for kind in REVIEWS:
            if (kind.group, kind.version, kind.plural) == path and kind.namespaced == bool(wanted.namespace):
                return kind
        return None

    def answer(self, kind: Kind, identity: Identity, wanted: Attributes, asked: Any) -> Object:
        """The review with its status. Raises ApiError 400 or 422."""
        spec = _spec(kind, asked)
        match kind.kind:
            case "SelfSubjectReview":
                status: Object = {"userInfo": _user_info(identity)}
            case "TokenReview":
                status = self._token(kind, spec)
            case "SelfSubjectAccessReview":
                status = self._access(kind, identity, spec)
            case "SelfSubjectRulesReview":
                status = self._rules(kind, identity, spec)
            case _:
                status = self._access(kind, self._subject(kind, spec, wanted.namespace), spec)
        answer: Object = {"kind": kind.kind, "apiVersion": kind.api_version}
        metadata = {"namespace": wanted.namespace} if kind.namespaced else {}
        if kind.kind == "SelfSubjectReview":
            return {**answer, "metadata": metadata, "status": status}
        # A token is not repeated: answers end up in logs and terminals.
        shown = {key: value for key, value in spec.items() if key != "token"}
        return {**answer, "metadata": metadata, "spec": shown, "status": status}

    def _access(self, kind: Kind, identity: Identity, spec: Object) -> Object:
        wanted = _wanted(kind, spec)
        if self._permits(identity, wanted):
            role = role_of(identity)
            reason = "everybody who is let in may ask this" if role is None else f"allowed by the role {role}"
            return {"allowed": True, "reason": reason}
        return {"allowed": False, "reason": refusal(identity, wanted)}

    def _rules(self, kind: Kind, identity: Identity, spec: Object) -> Object:
        namespace = spec.get("namespace")
        if not isinstance(namespace, str) or not namespace:
            raise bad_request("no namespace on request")
        rules = rules_of(identity, namespace, self._served.kinds)
        resources = [
            {"verbs": rule.verbs, "apiGroups": rule.groups, "resources": rule.resources}
            for rule in rules
            if rule.resources
        ]
        paths = [{"verbs": rule.verbs, "nonResourceURLs": rule.paths} for rule in rules if rule.paths]
        return {"resourceRules": resources, "nonResourceRules": paths, "incomplete": False}

    def _token(self, kind: Kind, spec: Object) -> Object:
        token = spec.get("token")
        if not isinstance(token, str) or not token:
            raise bad_request("token is required for TokenReview in authentication")
        if spec.get("audiences"):
            raise invalid(kind, "", [Cause("spec.audiences", "tokens of this API have no audience: leave it out")])
        found = self._known.by_token(token)
        if found is None:
            return {"authenticated": False, "user": {}, "error": "the token is not known"}
        return {"authenticated": True, "user": _user_info(found)}

    def _subject(self, kind: Kind, spec: Object, namespace: str) -> Identity:
        user, groups, uid = spec.get("user") or "", spec.get("groups") or [], spec.get("uid") or ""
        if not (isinstance(user, str) and isinstance(uid, str) and _are_words(groups)):
            raise bad_request("spec.user and spec.uid are strings, spec.groups is a list of strings")
        if not user and not groups:
            raise invalid(kind, "", [Cause("spec.user", "at least one of user or group must be specified")])
        if kind.namespaced:
            named = spec.get("resourceAttributes")
            if not isinstance(named, dict) or named.get("namespace") != namespace:
                cause = Cause("spec.resourceAttributes.namespace", "must match metadata.namespace")
                raise invalid(kind, "", [cause])
        return assumed(user, tuple(groups), uid, self._known)


def _spec(kind: Kind, asked: Any) -> Object:
    """Raises ApiError 400 for what is not this review."""
    if not isinstance(asked, dict):
        raise bad_request("the body is not an object")
    said = (asked.get("apiVersion") or kind.api_version, asked.get("kind") or kind.kind)
    if said != (kind.api_version, kind.kind):
        raise bad_request(f"the body is not a {kind.kind} of {kind.api_version}")
    spec = asked.get("spec") or {}
    if not isinstance(spec, dict):
        raise bad_request("spec is not an object")
    return spec


def _wanted(kind: Kind, spec: Object) -> Attributes:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (resource is None) == (path is None):
        message = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise invalid(kind, "", [Cause("spec.resourceAttributes", message)])
    given = path if resource is None else resource
    if not isinstance(given, dict) or not _are_words(list(_named(given).values())):
        raise bad_request("the attributes of the request are strings")
    named = _named(given)
    if resource is None:
        return Attributes(verb=named.get("verb", ""), path=named.get("path", ""))
    if not named.get("resource"):
        raise invalid(
            kind, "", [Cause("spec.resourceAttributes.resource", "Required value", "FieldValueRequired")]
        )
    return Attributes(**{"verb": "", **named})


def _named(given: Object) -> Object:
    """The selectors of 1.31 and later change no answer: roles know none."""
    return {key: value for key, value in given.items() if key in Attributes._fields and value is not None}


def _are_words(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _user_info(identity: Identity) -> Object:
    info: Object = {"username": identity.user, "groups": list(identity.groups)}
    return {**info, "uid": identity.uid} if identity.uid else info
