"""What is shown."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader

ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), auto_reload=False, autoescape=True
)


def page(name):
    return ENVIRONMENT.get_template("page.html").render(name=name)
