"""Check the promises that every RPC keeps, read off the descriptors so that none is forgotten."""
