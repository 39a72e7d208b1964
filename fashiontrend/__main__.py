"""Start the command line for `fashiontrend` and `python -m fashiontrend`."""

from fashiontrend import malloc


def main() -> None:
    """Run the command, in a process that may use huge pages."""
    malloc.restart_with_huge_pages()
    from fashiontrend import cli  # importing takes a second; not before a restart

    cli.main()


if __name__ == "__main__":
    main()
