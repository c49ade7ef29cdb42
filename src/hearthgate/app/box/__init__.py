"""This machine and what runs on it, as the Node and Pods that people with a cluster look for."""
