"""Ingresses of networking.k8s.io/v1 to routers, by the rules of upstream's provider kubernetesIngress."""
