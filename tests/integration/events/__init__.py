"""Prove the events plane on real servers, as a process of its own."""
