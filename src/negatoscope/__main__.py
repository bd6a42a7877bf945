"""``python -m negatoscope``: the command line, for a Python whose scripts are not on the path."""

from negatoscope.cli.main import main

if __name__ == "__main__":
    main()
