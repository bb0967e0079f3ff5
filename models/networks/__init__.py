"""What a configuration builds: the layers, what they compute, and how they are saved and looked at."""
