"""Does an image classifier still see what a person sees?"""

__version__ = "0.1.0.dev0"
