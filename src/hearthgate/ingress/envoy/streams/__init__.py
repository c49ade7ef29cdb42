"""Connections and datagrams: routers to filter chains, matchers, clusters and UDP listeners. Pure."""
