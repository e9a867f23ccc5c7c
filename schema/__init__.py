"""The language that planes share: field types, values, filters, and a workspace's definitions.

Names no plane and touches no network or database, so metadata, records, events and automation
judge a value or a filter by the very same code. See docs/adr/0001-schema-package.md.
"""
