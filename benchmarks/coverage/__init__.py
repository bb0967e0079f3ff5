"""How often the printed intervals cover, on realistic scores."""
