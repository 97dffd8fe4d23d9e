"""Pictures, and the scripts that draw them."""
