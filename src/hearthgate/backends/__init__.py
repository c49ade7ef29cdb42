"""Where Services without pods take their endpoints from, written as EndpointSlices for whoever routes to them.

`annotation`, `mirror`, `slices`, `desired` and `upkeep` are pure; `controller` reads snapshots and writes slices.
"""
