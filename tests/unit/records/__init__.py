"""Tests of what the records plane decides without a database."""
