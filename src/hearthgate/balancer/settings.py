"""Settings of the balancer, under the names of MetalLB's flags in camelCase."""

from hearthgate.resources.meta import Strict


class LoadBalancerSettings(Strict, frozen=True, kw_only=True):
    """enabled: whether Services get addresses; None: yes with the embedded API, no on a cluster, where MetalLB may
    be at work.
    lb_class: only Services of this loadBalancerClass; empty: only those without any.
    """

    enabled: bool | None = None
    lb_class: str = ""
