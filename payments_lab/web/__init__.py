"""The HTTP face of the shop: a starting point for a real service."""
