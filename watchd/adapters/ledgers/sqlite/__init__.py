"""The ledger in SQLite: its schema by migration, its statements by name, one connection that writes."""
