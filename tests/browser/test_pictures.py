"""The documentation shows every page: no picture is missing, and none is of a page that there was."""

from tests.browser.pictures import ALSO, FOLDER, PHONE
from tests.browser.shown import SHOWN


def test_there_is_a_picture_of_every_page_and_no_other() -> None:
    wanted = {shown.name for shown in SHOWN} | {name for name, _, _ in ALSO} | {PHONE}
    assert {path.stem for path in FOLDER.glob("*.png")} == wanted
