"""`python -m odqa` is `odqa`."""

from odqa.cli import main

if __name__ == "__main__":
    main()
