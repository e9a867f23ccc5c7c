"""Do what one request or event asks, all of it or nothing."""
