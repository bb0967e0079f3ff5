"""How often the printed intervals cover, on scores as they are."""
