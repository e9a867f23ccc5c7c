"""Answer the calls of the metadata contracts: unpack, one transaction, pack."""
