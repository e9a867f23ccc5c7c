"""Work in the background, for all workspaces."""
