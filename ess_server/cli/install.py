"""What to type where a part of the project is not installed."""


def install_step(*extras: str) -> str:
    """Return the command that installs these extras, with a remark where it works: no package index has the project."""
    return f"pip install '.[{','.join(extras)}]'  # in the project's folder"
