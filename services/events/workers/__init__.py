"""Send deliveries."""
