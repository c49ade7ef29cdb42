"""Guards that hear from elsewhere whom to refuse: decisions of CrowdSec, and what the proxy reads of them."""
