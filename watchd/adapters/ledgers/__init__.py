"""Ledgers, each behind the roles in `interfaces.ledger`."""
