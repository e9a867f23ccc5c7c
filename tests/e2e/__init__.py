"""Prove the platform's acceptance promises on the running stack, through the gateway."""
