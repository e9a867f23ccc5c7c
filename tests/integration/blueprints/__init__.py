"""Blueprints over two planes."""
