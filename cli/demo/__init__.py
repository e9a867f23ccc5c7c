"""The main job, done through the gateway as a client would: from an empty workspace to a trace."""
