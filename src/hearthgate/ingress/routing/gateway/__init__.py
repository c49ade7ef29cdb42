"""gateway.networking.k8s.io to the RoutingModel: Gateways give listeners, routes attach to them, both are told
what became of them as the specification says. Pure; every object is read through the Tracker."""
