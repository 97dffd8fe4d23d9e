"""The hazards that af-db knows, one module each, named as the hazard is."""
