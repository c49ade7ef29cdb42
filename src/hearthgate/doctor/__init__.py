"""Diagnosis: what is wrong with manifests, told before anything serves them."""
