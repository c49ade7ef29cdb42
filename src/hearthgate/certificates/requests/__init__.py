"""CertificateRequests: approved, and signed by the issuer that they name."""
