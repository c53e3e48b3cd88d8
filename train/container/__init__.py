"""The program in its container: what `docker run` would be told, and the engine that is told it."""
