from hearthgate.cluster.reconcile import Reconciler, Reconcilers

__all__ = ["Reconciler", "Reconcilers"]
