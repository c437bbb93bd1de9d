"""What is told of the ledger and of files, to people and to scripts."""
