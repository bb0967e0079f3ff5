"""The commands and their options, described once: read from here, and written from here into MLproject and docs."""
