"""The page of a study or of a trial: its sections and sentences."""
