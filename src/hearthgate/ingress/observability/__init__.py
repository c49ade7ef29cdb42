"""What is recorded of requests and of ourselves: settings, metrics, upstream's API, and the server of both."""
