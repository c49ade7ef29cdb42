"""meta.k8s.io/v1 Table: the columns that kubectl prints. Pure; the time is an argument."""
