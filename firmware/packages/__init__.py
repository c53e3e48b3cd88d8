"""The files of a package: the library, which is the same in every target, and what each target puts around it."""
