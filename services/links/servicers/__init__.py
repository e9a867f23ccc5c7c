"""Answer LinkService calls: unpack, ask the planes, one transaction, pack."""
