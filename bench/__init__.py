"""Measures Hearthgate from outside, beside what it is compared with; see docs/bench.md."""
