"""Which of two routers that match the same request answers it."""


def precedence(priority: int, name: str) -> tuple[int, str]:
    """Sort key: higher priority first; among equals the name decides (upstream leaves that open)."""
    return -priority, name
