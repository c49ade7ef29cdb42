"""Who may speak to the API: an own certificate authority, bearer tokens, and the kubeconfig for kubectl."""
