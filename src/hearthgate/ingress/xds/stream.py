"""One delta ADS stream: who asked for what, what the client holds, which answers are unconfirmed.

Pure: requests go in, framed responses and Envoy's verdicts come out. The rules are those of the xDS protocol
(variant "incremental, aggregated"), with what Envoy makes of them:

- A name that is subscribed again is answered again, held or not: Envoy waits for it.
- A cluster that changes under its name is followed by its endpoints.
- A first request that lists held versions comes from an Envoy that was connected before. It serves traffic, so
  it is brought up to date by the server in the safe order, and not answered here.
- A refused response with several resources names its culprits for clusters and listeners; the rest of it was
  taken. In every other case it is halved and sent again until the culprit stands alone.
"""

import itertools
import re
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from hearthgate.ingress.xds.resources import CLUSTER, ENDPOINT, LISTENER, Versioned
from hearthgate.ingress.xds.view import View
from hearthgate.ingress.xds.wire import Request, delta_response

_UNKNOWN: Final = ""
"""The version of a resource of which nobody knows what the client made of it."""
_ALWAYS_WANTED: Final = (CLUSTER, LISTENER)
_NAMES_CULPRITS: Final = "Error adding/updating "


class Refused(NamedTuple):
    """Envoy refused this version of this resource."""

    name: str
    version: str
    message: str


class Verdict(NamedTuple):
    """What a request said of an earlier response."""

    type_url: str
    accepted: Mapping[str, str] = MappingProxyType({})
    refused: tuple[Refused, ...] = ()


class Reaction(NamedTuple):
    """What follows from a request. `started`: the client begins, or begins again, and needs to be followed."""

    responses: tuple[bytes, ...] = ()
    verdict: Verdict | None = None
    started: bool = False


class _Sent(NamedTuple):
    type_url: str
    versions: Mapping[str, str]


class _Subscription:
    """One type on one stream. `on_demand` is ordered: the name that was asked for longest ago stands first."""

    def __init__(self, *, wildcard: bool, held: Mapping[str, str]) -> None:
        self.wildcard = wildcard
        self.names: set[str] = set()
        self.held = dict(held)
        self.unanswered: set[str] = set()
        self.on_demand: dict[str, None] = {}

    def add(self, names: Iterable[str]) -> None:
        self.names.update(names)
        self.unanswered.update(names)

    def drop(self, names: Iterable[str]) -> None:
        for name in names:
            self.names.discard(name)
            self.unanswered.discard(name)
            self.held.pop(name, None)
            self.on_demand.pop(name, None)

    def wants(self, name: str) -> bool:
        return self.wildcard or name in self.names


class Stream:
    """The state of one stream. `on_demand_limit` bounds the secrets that only clients' wishes brought up."""

    def __init__(self, view: View, *, on_demand_limit: int) -> None:
        self._view = view
        self._limit = on_demand_limit
        self._subscriptions: dict[str, _Subscription] = {}
        self._pending: dict[str, _Sent] = {}
        self._overdue: set[str] = set()
        self._nonces = itertools.count(1)

    def receive(self, request: Request) -> Reaction:
        """Takes one request in."""
        verdict, responses = self._take_verdict(request) if request.nonce else (None, ())
        names = set(request.subscribe) - {"*"}
        subscription = self._subscriptions.get(request.type_url)
        if subscription is None:
            wildcard = not request.subscribe or "*" in request.subscribe
            subscription = _Subscription(wildcard=wildcard, held=request.held)
            self._subscriptions[request.type_url] = subscription
            subscription.names |= names
            subscription.unanswered |= names - request.held.keys()
            if request.held:
                return Reaction(responses, verdict, started=True)
            wanted = {*self._view.names(request.type_url), *names} if wildcard else names
            answer = self._push(request.type_url, sorted(wanted), even_if_empty=wildcard)
            return Reaction((*responses, *answer), verdict, started=request.type_url == CLUSTER)
        if "*" in request.subscribe:
            subscription.wildcard = True
            names |= set(self._view.names(request.type_url))
        subscription.drop(request.unsubscribe)
        subscription.add(set(request.subscribe) - {"*"})
        answer = self._push(request.type_url, sorted(names))
        return Reaction((*responses, *answer), verdict)

    def push(self, type_url: str, names: Iterable[str]) -> tuple[bytes, ...]:
        """The response that brings `names` up to date; nothing when the client is not interested or has them."""
        return self._push(type_url, names)

    def push_all(self, type_url: str) -> tuple[bytes, ...]:
        """As `push`, for everything that exists of this type or waits for an answer. Removes nothing held."""
        subscription = self._subscriptions.get(type_url)
        if subscription is None:
            return ()
        names = {*self._view.names(type_url), *subscription.unanswered}
        names |= {name for name in subscription.names if self._view.find(type_url, name) is not None}
        return self._push(type_url, sorted(names))

    def revert(self, type_url: str) -> tuple[bytes, ...]:
        """Takes back what is unconfirmed of this type: its last accepted version, or the removal, is sent."""
        subscription = self._subscriptions.get(type_url)
        names = self.unconfirmed(type_url)
        if subscription is None or not names:
            return ()
        good = {name: resource for name in names if (resource := self._view.last_accepted(type_url, name))}
        subscription.drop(names - good.keys())
        subscription.held.update((name, resource.version) for name, resource in good.items())
        response = self._respond(type_url, good, sorted(names - good.keys()))
        return (response, *self._repeat_endpoints(good if type_url == CLUSTER else ()))

    def unconfirmed(self, type_url: str) -> frozenset[str]:
        """The names in responses of this type that the client has neither confirmed nor refused."""
        pending = (sent.versions for sent in self._pending.values() if sent.type_url == type_url)
        return frozenset(name for versions in pending for name in versions)

    def subscribed(self, type_url: str) -> tuple[str, ...]:
        """The names that the client asked for one by one, sorted."""
        subscription = self._subscriptions.get(type_url)
        return tuple(sorted(subscription.names)) if subscription else ()

    def excess(self, type_url: str) -> tuple[str, ...]:
        """What the client holds and shall not, sorted."""
        subscription = self._subscriptions.get(type_url)
        held = subscription.held if subscription else ()
        return tuple(sorted(name for name in held if self._view.find(type_url, name) is None))

    def waiting(self, type_urls: Collection[str]) -> bool:
        """Whether a response of these types is unconfirmed and not overdue."""
        return any(
            sent.type_url in type_urls for nonce, sent in self._pending.items() if nonce not in self._overdue
        )

    def give_up(self, type_urls: Collection[str]) -> frozenset[str]:
        """Waits no longer for what is unconfirmed of these types. Returns the types concerned."""
        late = {nonce: sent.type_url for nonce, sent in self._pending.items() if sent.type_url in type_urls}
        self._overdue.update(late)
        return frozenset(late.values())

    def up_to_date(self, type_url: str) -> bool:
        """Whether the client asked for this type and confirmed all that it wants and shall have of it."""
        subscription = self._subscriptions.get(type_url)
        if subscription is None:
            return type_url not in _ALWAYS_WANTED and not any(True for _ in self._view.names(type_url))
        if any(sent.type_url == type_url for sent in self._pending.values()):
            return False
        for name in self._view.names(type_url):
            resource = self._view.find(type_url, name)
            if resource and subscription.wants(name) and subscription.held.get(name) != resource.version:
                return False
        return True

    def _push(self, type_url: str, names: Iterable[str], *, even_if_empty: bool = False) -> tuple[bytes, ...]:
        subscription = self._subscriptions.get(type_url)
        if subscription is None:
            return ()
        changed: dict[str, Versioned] = {}
        removed: list[str] = []
        known = frozenset(subscription.held) if type_url == CLUSTER else frozenset()
        for name in names:
            if not subscription.wants(name):
                continue
            asked = name in subscription.unanswered
            resource = self._view.find(type_url, name)
            if self._view.is_on_demand(type_url, name):
                subscription.on_demand.pop(name, None)
                subscription.on_demand[name] = None
            if resource is None:
                if asked or name in subscription.held:
                    removed.append(name)
                    subscription.held.pop(name, None)
            elif asked or subscription.held.get(name) != resource.version:
                changed[name] = resource
                subscription.held[name] = resource.version
            subscription.unanswered.discard(name)
        for name in self._evict(type_url, subscription):
            changed.pop(name, None)
            removed.append(name)
        if not changed and not removed and not even_if_empty:
            return ()
        return (self._respond(type_url, changed, removed), *self._repeat_endpoints(known & changed.keys()))

    def _repeat_endpoints(self, clusters: Collection[str]) -> tuple[bytes, ...]:
        """A cluster that changes waits for its endpoints, but does not ask for them: it has asked before."""
        subscription = self._subscriptions.get(ENDPOINT)
        if subscription is None or not clusters:
            return ()
        names = sorted(subscription.names.intersection(clusters))
        subscription.unanswered.update(names)
        return self._push(ENDPOINT, names)

    def _evict(self, type_url: str, subscription: _Subscription) -> list[str]:
        """Forgets the oldest names beyond the limit. Returns those that the client must forget as well."""
        evicted: list[str] = []
        while len(subscription.on_demand) > self._limit:
            name = next(iter(subscription.on_demand))
            if not self._view.is_on_demand(type_url, name):  # it became one of the known names
                del subscription.on_demand[name]
                continue
            if name in subscription.held:
                evicted.append(name)
            subscription.drop([name])
        return evicted

    def _respond(self, type_url: str, changed: Mapping[str, Versioned], removed: Iterable[str]) -> bytes:
        nonce = str(next(self._nonces))
        self._pending[nonce] = _Sent(type_url, {name: resource.version for name, resource in changed.items()})
        return delta_response(type_url, nonce, changed.items(), removed)

    def _take_verdict(self, request: Request) -> tuple[Verdict | None, tuple[bytes, ...]]:
        self._overdue.discard(request.nonce)
        sent = self._pending.pop(request.nonce, None)
        if sent is None:
            return None, ()
        if request.error is None:
            return Verdict(sent.type_url, sent.versions), ()
        culprits = _culprits(sent.versions, request.error)
        held = self._subscriptions[sent.type_url].held
        uncertain = [name for name in culprits or sent.versions if held.get(name) == sent.versions[name]]
        for name in uncertain:
            held[name] = _UNKNOWN
        if culprits or not sent.versions:
            accepted = {name: version for name, version in sent.versions.items() if name not in culprits}
            refused = tuple(Refused(name, sent.versions[name], request.error) for name in sorted(culprits))
            return Verdict(sent.type_url, accepted, refused), ()
        middle = len(uncertain) // 2
        halves = (uncertain[:middle], uncertain[middle:])
        return None, tuple(response for half in halves for response in self._push(sent.type_url, half))


def _culprits(versions: Mapping[str, str], error: str) -> frozenset[str]:
    """Whom `error` blames; empty when it does not say."""
    if len(versions) == 1:
        return frozenset(versions)
    if not error.startswith(_NAMES_CULPRITS):
        return frozenset()
    return frozenset(name for name in versions if re.search(rf"(?<![^\s,]){re.escape(name)}: ", error))
