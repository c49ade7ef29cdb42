"""The questions `kubectl auth whoami` and `kubectl auth can-i` ask. Everybody who is let in may do all."""

from typing import Any

Object = dict[str, Any]


def answer_review(path: str, asked: Any, user: str, groups: tuple[str, ...]) -> Object | None:
    """None when `path` is no review."""
    spec = asked.get("spec") if isinstance(asked, dict) else None
    match path.strip("/"):
        case "apis/authentication.k8s.io/v1/selfsubjectreviews":
            who = {"username": user, "groups": [*groups, "system:authenticated"]}
            return {
                "kind": "SelfSubjectReview",
                "apiVersion": "authentication.k8s.io/v1",
                "metadata": {},
                "status": {"userInfo": who},
            }
        case "apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
            return {
                "kind": "SelfSubjectAccessReview",
                "apiVersion": "authorization.k8s.io/v1",
                "metadata": {},
                "spec": spec or {},
                "status": {"allowed": True, "reason": "the embedded API has administrators only"},
            }
        case _:
            return None
