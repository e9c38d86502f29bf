"""``python -m doseline`` is the command line."""

from doseline.cli import main

if __name__ == "__main__":
    main()
