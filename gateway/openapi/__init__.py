"""Describe the API as OpenAPI 3.1: shapes of messages, of records, and the document of it all."""
