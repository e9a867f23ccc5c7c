"""Prove each part on real servers."""
