"""Hook of mkdocs: docstrings mark a block of code by two colons, of which Markdown shows both."""


def on_page_content(html: str, **kwargs) -> str:
    return html.replace('::</p>', ':</p>')
