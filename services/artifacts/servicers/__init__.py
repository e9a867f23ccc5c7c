"""Answer calls: unpack, ask for rights, one transaction, pack."""
