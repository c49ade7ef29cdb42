"""Which groups, versions and resources there are: aggregated discovery and the older lists. Pure."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from hearthgate.apiserver.web.negotiate import media_ranges
from hearthgate.apiserver.web.reviews import REVIEWS
from hearthgate.apiserver.web.target import subresources
from hearthgate.resources.kinds import Kind

VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_AGGREGATED_VERSIONS: Final = ("v2", "v2beta1")
_VERSION: Final = re.compile(r"v(\d+)(?:(beta|alpha)(\d+))?")


class Discovery:
    """The documents for one set of kinds."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = (*kinds, *REVIEWS)

    def answer(self, path: str, accept: str, host: str) -> tuple[dict[str, Any], str] | None:
        """Document and content type, None when nothing is discovered there. `host`: what the client called."""
        parts = path.strip("/").split("/")
        if parts in (["api"], ["apis"]):
            if version := _aggregated_version(accept):
                document = self._aggregated(version, core=parts == ["api"])
                return document, f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
            return (_core_versions(host) if parts == ["api"] else self._groups()), "application/json"
        found = self._at(parts)
        return None if found is None else (found, "application/json")

    def _at(self, parts: Sequence[str]) -> dict[str, Any] | None:
        match parts:
            case ["api", version]:
                return self._resources("", version)
            case ["apis", group]:
                return self._group(group) if group in self._group_names() else None
            case ["apis", group, version]:
                return self._resources(group, version)
            case _:
                return None

    def _group_names(self) -> list[str]:
        return sorted({kind.group for kind in self._kinds if kind.group})

    def _versions(self, group: str) -> list[str]:
        """The preferred one first."""
        return sorted({kind.version for kind in self._kinds if kind.group == group}, key=_seniority)

    def _of(self, group: str, version: str) -> list[Kind]:
        return [kind for kind in self._kinds if (kind.group, kind.version) == (group, version)]

    def _aggregated(self, version: str, *, core: bool) -> dict[str, Any]:
        groups = [""] if core else self._group_names()
        items = [
            {
                "metadata": {"name": group, "creationTimestamp": None},
                "versions": [
                    {
                        "version": served,
                        "resources": [_discovered(kind) for kind in self._of(group, served)],
                        "freshness": "Current",
                    }
                    for served in self._versions(group)
                ],
            }
            for group in groups
        ]
        return {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": f"apidiscovery.k8s.io/{version}",
            "metadata": {},
            "items": items,
        }

    def _groups(self) -> dict[str, Any]:
        groups = [self._group(name) for name in self._group_names()]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}

    def _group(self, name: str) -> dict[str, Any]:
        versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in self._versions(name)]
        return {
            "kind": "APIGroup",
            "apiVersion": "v1",
            "name": name,
            "versions": versions,
            "preferredVersion": versions[0],
        }

    def _resources(self, group: str, version: str) -> dict[str, Any] | None:
        kinds = self._of(group, version)
        if not kinds:
            return None
        resources = []
        for kind in kinds:
            entry = {
                "name": kind.plural,
                "singularName": kind.singular,
                "namespaced": kind.namespaced,
                "kind": kind.kind,
                "verbs": list(_verbs(kind)),
            }
            if kind.short_names:
                entry["shortNames"] = list(kind.short_names)
            if kind.categories:
                entry["categories"] = list(kind.categories)
            resources.append(entry)
            for name, verbs in subresources(kind).items():
                shown = {"name": f"{kind.plural}/{name}", "singularName": "", "verbs": list(verbs)}
                resources.append({"namespaced": kind.namespaced, "kind": kind.kind, **shown})
        version_name = f"{group}/{version}" if group else version
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": version_name,
            "resources": resources,
        }


def _seniority(version: str) -> tuple[int, int, int, str]:
    """Sorts as upstream: stable before beta before alpha, newer before older, then names it cannot read."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return (3, 0, 0, version)
    level = {None: 0, "beta": 1, "alpha": 2}[match[2]]
    return (level, -int(match[1]), -int(match[3] or 0), "")


def _aggregated_version(accept: str) -> str:
    for media in media_ranges(accept):
        parameters = media.parameters
        if media.type != "application/json":
            continue
        if parameters.get("as") == "APIGroupDiscoveryList" and parameters.get("v") in _AGGREGATED_VERSIONS:
            return parameters["v"]
        if "as" not in parameters:
            return ""
    return ""


def _core_versions(host: str) -> dict[str, Any]:
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": host}]
    return {
        "kind": "APIVersions",
        "apiVersion": "v1",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": addresses,
    }


def _verbs(kind: Kind) -> Sequence[str]:
    return ("create",) if kind in REVIEWS else VERBS


def _discovered(kind: Kind) -> dict[str, Any]:
    response = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    entry: dict[str, Any] = {
        "resource": kind.plural,
        "responseKind": response,
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(_verbs(kind)),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if below := subresources(kind):
        entry["subresources"] = [
            {"subresource": name, "responseKind": response, "verbs": list(verbs)} for name, verbs in below.items()
        ]
    return entry
