"""Put stored values into protobuf messages, and messages into the JSON form of definitions."""
