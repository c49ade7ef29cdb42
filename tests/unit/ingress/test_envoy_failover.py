"""Failover and weights multiplied out: who is asked, in which order, and what is refused."""

import pytest

from hearthgate.ingress.envoy.services import Target, UnservableError, choices
from hearthgate.ingress.middlewares.paths import AddPrefix
from hearthgate.ingress.routing.model import (
    EndpointsKey,
    FailoverService,
    HealthCheck,
    LoadBalancer,
    Mirror,
    MirroredService,
    Service,
    WeightedMember,
    WeightedService,
)

A, B, C, D = (LoadBalancer(name=name) for name in "abcd")
CHECKED = LoadBalancer(name="e", endpoints=EndpointsKey("d", "e", "", "x"), check=HealthCheck())
PREFIX = AddPrefix(name="p", prefix="/p")


def over(service: Service, fallback: Service, *statuses: int, limit: int = -1) -> FailoverService:
    return FailoverService(name="f", service=service, fallback=fallback, statuses=statuses, max_body=limit)


def weighted(*members: tuple[int, Service], by_client: bool = False) -> WeightedService:
    found = tuple(WeightedMember(weight=weight, service=service) for weight, service in members)
    return WeightedService(name="w", members=found, by_client=by_client)


def shown(target: Target) -> str:
    """Weight, order of preference, and the orders of further tries."""
    chains = [target.chain, *(target.again.tries if target.again is not None else ())]
    return f"{target.weight}:" + " then ".join("".join(one.name for one in chain) for chain in chains)


ORDERS: dict[str, tuple[Service, set[str]]] = {
    "one and another": (over(A, B), {"1:ab"}),
    "a chain of three": (over(over(A, B), C), {"1:abc"}),
    "the fallback fails over": (over(A, over(B, C)), {"1:abc"}),
    "by status": (over(A, B, 500), {"1:ab then b"}),
    "by status twice": (over(over(A, B, 500), C, 500), {"1:abc then b then c"}),
    "a weighted one": (over(weighted((3, A), (1, B)), C), {"3:abc", "1:bac"}),
    "to a weighted one": (over(A, weighted((3, B), (1, C))), {"3:abc", "1:acb"}),
    "both": (
        over(weighted((1, A), (1, B)), weighted((1, C), (2, D))),
        {"1:abcd", "2:abdc", "1:bacd", "2:badc"},
    ),
    "nothing, and another": (over(weighted((0, A)), B), {"1:b"}),
    "one, and nothing": (over(A, weighted((0, B))), {"1:a"}),
    "a member with a check is covered": (weighted((1, CHECKED), (1, A)), {"1:ea", "1:a"}),
}


@pytest.mark.parametrize("case", ORDERS)
def test_orders_of_preference(case: str) -> None:
    service, wanted = ORDERS[case]
    (choice,) = choices(service)
    assert {shown(target) for target in choice.targets} == wanted


def test_a_bound_on_bodies_comes_with_statuses() -> None:
    (choice,) = choices(over(A, B, 500, limit=10))
    (target,) = choice.targets
    assert [type(one).__name__ for one in target.middlewares] == ["Buffering"]
    assert choices(over(A, B, limit=10))[0].targets[0].middlewares == ()


REFUSED: dict[str, Service] = {
    "different statuses": over(over(A, B, 500), C, 502),
    "middlewares below": over(
        WeightedService(name="w", members=(WeightedMember(weight=1, service=A, middlewares=(PREFIX,)),)), B
    ),
    "mirrors in the fallback": over(
        A, MirroredService(name="m", service=B, mirrors=(Mirror(percent=1, service=C),))
    ),
    "the client's choice as fallback": over(A, weighted((1, B), (1, C), by_client=True)),
    "the client's choice below weights": weighted((1, weighted((1, A), (1, B), by_client=True)), (1, C)),
    "copies to several": MirroredService(
        name="m", service=A, mirrors=(Mirror(percent=1, service=weighted((1, B), (1, C))),)
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    with pytest.raises(UnservableError):
        choices(REFUSED[case])
