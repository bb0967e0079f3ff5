"""The network of a configuration: its layers, their computation, and how they are saved, loaded and inspected."""
