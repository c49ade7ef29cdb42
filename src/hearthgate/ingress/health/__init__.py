"""Active health checks: this program asks the servers, and the proxy learns which of them can serve."""
