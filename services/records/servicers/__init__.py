"""Answer RecordService calls: unpack, call, pack."""
