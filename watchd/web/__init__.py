"""Health, readiness and metrics over HTTP: asked by machines, and answered from what the daemon and its ledger know."""
