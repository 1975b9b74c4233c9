"""Tables in Markdown."""


def table_lines(head, rows):
    """The lines of a table; `head` and `rows` contain texts."""
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def print_table(head, rows):
    print("\n".join(table_lines(head, rows)) + "\n")
