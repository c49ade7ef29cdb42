"""What the streams shall see now: the wanted resources, without those that Envoy refused.

A resource that Envoy refused is replaced by its last accepted version, or is absent if there is none, until
its content changes. Secrets that are not among the resources are asked of a resolver, by name.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from hearthgate.ingress.xds.resources import SECRET, Difference, Versioned, diff_names

SecretResolver = Callable[[str], Versioned | None]


class Rejection(NamedTuple):
    """Resources that Envoy refused, and its words. One message may concern several names."""

    type_url: str
    names: tuple[str, ...]
    message: str


class _Refusal(NamedTuple):
    version: str
    name: str
    message: str


class View:
    """Mutable. Resources come and go by type, verdicts of Envoy by name."""

    def __init__(self, resolve: SecretResolver, is_known: Callable[[str], bool]) -> None:
        self._resolve = resolve
        self._is_known = is_known
        self._wanted: dict[str, dict[str, Versioned]] = {}
        self._accepted: dict[str, dict[str, Versioned]] = {}
        self._refused: dict[tuple[str, str], _Refusal] = {}

    def names(self, type_url: str) -> Iterable[str]:
        return self._wanted.get(type_url, {}).keys()

    def find(self, type_url: str, name: str) -> Versioned | None:
        """What a stream that asks for `name` is given; None is answered as removed."""
        resource = self._wanted.get(type_url, {}).get(name)
        key = (type_url, name)
        if resource is None and type_url == SECRET and (resource := self._resolve(name)):
            key = (type_url, f"version {resource.version}")
        refusal = self._refused.get(key)
        if resource is None or refusal is None or refusal.version != resource.version:
            return resource
        return self._accepted.get(type_url, {}).get(name)

    def last_accepted(self, type_url: str, name: str) -> Versioned | None:
        """What Envoy confirmed last of what is still wanted under this name."""
        return self._accepted.get(type_url, {}).get(name)

    def is_on_demand(self, type_url: str, name: str) -> bool:
        """Whether only a client's wish brought this name up: the number of such names must be bounded."""
        return type_url == SECRET and name not in self._wanted.get(SECRET, {}) and not self._is_known(name)

    def replace(self, type_url: str, resources: Mapping[str, Versioned]) -> Difference:
        """Wants exactly these. The verdicts on what changed are forgotten."""
        old = self._wanted.get(type_url, {})
        difference = diff_names(old, resources)
        self._wanted[type_url] = dict(resources)
        accepted = self._accepted.get(type_url, {})
        for name in difference.removed:
            accepted.pop(name, None)
        self._forget(type_url, (*difference.changed, *difference.removed))
        return difference

    def put(self, type_url: str, changes: Mapping[str, Versioned]) -> Difference:
        """Wants these besides, or in place of those of the same names. Looks at no others."""
        wanted = self._wanted.setdefault(type_url, {})
        old = {name: wanted[name] for name in changes if name in wanted}
        difference = diff_names(old, changes)
        wanted.update(changes)
        self._forget(type_url, difference.changed)
        return difference

    def _forget(self, type_url: str, names: Iterable[str]) -> None:
        for name in names:
            self._refused.pop((type_url, name), None)

    def accept(self, type_url: str, versions: Mapping[str, str]) -> None:
        """Envoy holds these: the state to fall back to."""
        wanted = self._wanted.get(type_url, {})
        accepted = self._accepted.setdefault(type_url, {})
        for name, version in versions.items():
            resource = wanted.get(name)
            if resource is not None and resource.version == version:
                accepted[name] = resource
                self._refused.pop((type_url, name), None)

    def refuse(self, type_url: str, name: str, version: str, message: str) -> None:
        """Envoy does not take this version of `name`."""
        accepted = self._accepted.get(type_url, {})
        if name in accepted and accepted[name].version == version:
            del accepted[name]
        wanted = self._wanted.get(type_url, {}).get(name)
        if wanted is None and type_url == SECRET:
            # A secret on demand is refused for its content, once for all the names that it would serve.
            self._refused[type_url, f"version {version}"] = _Refusal(version, name, message)
        elif wanted is not None and wanted.version == version:
            self._refused[type_url, name] = _Refusal(version, name, message)

    def forgive(self, type_url: str, name: str) -> None:
        """Lets `name` be tried again unchanged."""
        self._refused.pop((type_url, name), None)

    def forgive_secrets(self) -> None:
        """Lets every secret on demand be tried again."""
        for type_url, key in [key for key in self._refused if key[0] == SECRET]:
            if key not in self._wanted.get(SECRET, {}):
                del self._refused[type_url, key]

    def rejections(self) -> tuple[Rejection, ...]:
        """What Envoy refuses now, sorted; names with one message stand together."""
        together: dict[tuple[str, str], list[str]] = {}
        for (type_url, _), refusal in self._refused.items():
            together.setdefault((type_url, refusal.message), []).append(refusal.name)
        return tuple(sorted(Rejection(url, tuple(sorted(names)), text) for (url, text), names in together.items()))
