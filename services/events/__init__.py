"""Keep the log of everything that changed, and send it to those who subscribed."""
