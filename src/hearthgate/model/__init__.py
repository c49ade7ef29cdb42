"""The few values that every room speaks: references, problems, errors, names, durations, secrets."""
