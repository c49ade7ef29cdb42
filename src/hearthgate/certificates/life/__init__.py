"""The life of a certificate: when one is wanted, whether what is there will do, and when it is renewed."""
