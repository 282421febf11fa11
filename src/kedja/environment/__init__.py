"""Hardware, the neutral lock, installation and its check.

Standard library only: it runs before anything is installed.
"""
