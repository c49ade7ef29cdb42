"""Where Services without pods take their endpoints from, written as EndpointSlices for whoever routes to them.

`annotation`, `mirror`, `slices` and `desired` are pure; `controller` reads snapshots and writes slices.
"""
