"""The one error type for everything a user can put right."""


class EnctestError(Exception):
    """An expected failure: shown as one message with a hint, never as a traceback.

    Args:
        title: What is wrong and where, in one sentence.
        hint: What the user can do about it; empty when there is nothing to say.
        exit_code: What a command returns for it (pytest's usage error, 4, unless given).
    """

    def __init__(self, title: str, hint: str = "", *, exit_code: int = 4) -> None:
        super().__init__(title)
        self.title = title
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.title}\n{self.hint}" if self.hint else self.title
