"""The Envoy process: its binary, bootstrap, start, watch, drain and adoption."""
