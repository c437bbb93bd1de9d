"""Health, metrics and a page over HTTP, answered from what the daemon and its ledger know."""
