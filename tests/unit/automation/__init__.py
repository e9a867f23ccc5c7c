"""Prove what the automation plane decides, without servers."""
