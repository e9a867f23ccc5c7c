"""Do what was queued, across workspaces."""
