"""The commands: each reads the outside world, calls one function, and shows what it returns."""
