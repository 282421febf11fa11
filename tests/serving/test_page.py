"""The page in a real Chromium: by mouse, keyboard and paste, wide and narrow, light and dark."""

import base64
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from kedja.bundle import metadata as bundles
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.serving import keys
from support.bundles import make_bundle
from support.chromium import chromium, needs_chromium

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def is_error(message):
    """Chromium itself reports every 4xx, which the page explains; that is no error of the page."""
    return message.type == "error" and "400 (Bad Request" not in message.text


@pytest.fixture
def open_page(browser, start_server) -> Iterator:
    """`open_page(bundle, **context)` → a page that fails the test on any error or outside request."""
    problems: list[str] = []
    contexts = []

    def open_one(bundle, path="/", **context) -> Page:
        server = start_server(bundle=bundle)
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if is_error(message) else None)
        page.on("request", lambda sent: sent.url.startswith((server.url, "blob:")) or problems.append(sent.url))
        page.goto(server.url + path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert problems == []


def test_a_random_sample_by_keyboard(open_page, digits):
    page = open_page(digits)
    expect(page.get_by_role("heading", level=1)).to_have_text("tiny")
    page.get_by_role("button", name="Random sample").focus()
    page.keyboard.press("Enter")
    status = page.get_by_role("status")
    expect(status).to_contain_text("✓ truly")
    expect(page.get_by_role("list", name="Probabilities").get_by_role("listitem")).to_have_count(5)
    expect(page.get_by_role("button", name="Random sample", exact=True)).to_be_focused()
    page.get_by_role("button", name="Show all 10 classes").click()
    expect(page.get_by_role("list", name="Probabilities").get_by_role("listitem")).to_have_count(10)
    shares = [float(text.strip("< %")) for text in page.locator(".bars .value").all_text_contents()]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(100, abs=0.2)


def test_several_files_at_once_and_the_history(open_page, photos):
    page = open_page(photos)
    files = sorted((photos / "samples").iterdir())[:3]
    page.get_by_label("Images", exact=True).set_input_files(files)
    thumbs = page.locator("#history-list button")
    expect(thumbs).to_have_count(3)
    metadata = bundles.load(photos)
    for position, golden in enumerate(metadata.golden[:3]):
        name = metadata.classes[golden.label]
        page.get_by_role("button", name=f"{files[position].name}: {name}").click()
        expect(page.locator(".answer .class")).to_have_text(name)
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("status")).to_have_text("The answer appears here.")


TRANSFER = """async ([text, type, kind]) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], "it.png", { type }));
  const options = { bubbles: true, cancelable: true };
  document.body.dispatchEvent(kind === "paste"
    ? new ClipboardEvent("paste", { ...options, clipboardData: data })
    : new DragEvent("drop", { ...options, dataTransfer: data }));
}"""


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_paste_and_drop(open_page, digits, kind):
    page = open_page(digits)
    expect(page.locator("#model-name")).to_have_text("tiny")
    sample = base64.b64encode((digits / "samples/0.png").read_bytes()).decode()
    page.evaluate(TRANSFER, [sample, "image/png", kind])
    metadata = bundles.load(digits)
    expect(page.locator(".answer .class")).to_have_text(metadata.classes[metadata.golden[0].label])


def test_a_file_that_is_no_image_is_explained(open_page, digits, tmp_path):
    page = open_page(digits)
    (tmp_path / "notes.txt").write_text("not an image")
    page.get_by_label("Images", exact=True).set_input_files(tmp_path / "notes.txt")
    expect(page.get_by_role("status")).to_contain_text("“notes.txt” is not a picture that this service can read.")
    expect(page.get_by_role("status")).to_contain_text("Send one of AVIF, BMP, GIF, JPEG")
    page.get_by_role("button", name="Random sample", exact=True).click()
    expect(page.locator("#history-list button")).to_have_count(2)
    assert page.evaluate(
        "[...document.images].every((image) => !image.src.startsWith('blob:') || image.naturalWidth > 0)"
    )


def test_drawing(open_page, digits):
    page = open_page(digits)
    page.get_by_role("button", name="Draw").click()
    expect(page.get_by_role("dialog", name="Draw")).to_contain_text("Draw one of 0, 1, 2, 3")
    expect(page.get_by_role("button", name="Classify")).to_be_disabled()
    box = page.get_by_role("img", name="Drawing pad").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 200, steps=5)
    page.mouse.up()
    page.get_by_role("button", name="Classify").click()
    expect(page.get_by_role("status")).to_contain_text("drawing")
    expect(page.locator(".answer .class")).to_be_visible()


def test_the_model_card(open_page, photos):
    page = open_page(photos)
    page.get_by_role("button", name="Model card").click()
    card = page.get_by_role("dialog", name="Model card")
    expect(card).to_contain_text("with seeded random weights")
    expect(card.get_by_role("heading", level=1)).to_have_count(0)
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()


def test_a_service_with_keys_asks_for_one(browser, start_server, digits, tmp_path):
    key = keys.add(tmp_path / "keys.txt", "page")
    server = start_server(f"keys={tmp_path / 'keys.txt'}", bundle=digits)
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.url)
    for given in ("wrong", key):
        dialog = page.get_by_role("dialog", name="API key")
        dialog.get_by_label("API key").fill(given)
        dialog.get_by_role("button", name="Continue").click()
    expect(page.locator("#model-name")).to_have_text("tiny")
    page.get_by_role("button", name="Random sample", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("✓ truly")
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (360, "dark"), (1400, "dark")])
def test_the_drift_page_shows_every_feature_on_any_screen(open_page, watched, width, scheme):
    page = open_page(watched, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.get_by_role("link", name="Drift").click()
    expect(page.get_by_role("status")).to_have_text("not enough images yet")
    expect(page.get_by_role("article")).to_have_count(8)
    expect(page.get_by_role("img", name="brightness: shares of training")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_drift_page_says_that_there_is_no_reference(open_page, digits):
    page = open_page(digits, "/monitor")
    expect(page.get_by_role("status")).to_have_text("no reference")
    expect(page.locator("#explanation")).to_contain_text("Export it again")


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (360, "dark"), (1400, "dark")])
def test_nothing_sticks_out_on_any_screen(open_page, photos, width, scheme):
    page = open_page(photos, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.get_by_role("button", name="Random sample").click()
    expect(page.locator(".answer")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in background.strip("rgb()").split(",")[:3]) / 3
    assert (brightness < 128) == (scheme == "dark")


def test_the_documentation_tries_its_examples(open_page, digits):
    page = open_page(digits, "/docs")
    expect(page.locator("details")).to_have_count(8)
    choice = page.get_by_label("Kind of body")
    for position in range(3):
        choice.select_option(index=position)
        page.get_by_role("button", name="Try it").click()
        expect(page.get_by_role("status").filter(has_text="200 OK")).to_contain_text("predicted_class")
    page.locator("details", has_text="/sample").locator("summary").click()
    page.locator("details", has_text="/sample").get_by_role("button", name="Try it").click()
    expect(page.locator("figure img")).to_be_visible()
    words = page.locator("main").inner_text()
    assert "`" not in words
    assert "Successful Response" not in words
    assert words.count("Every refusal is") == 1  # of the one operation that is open


@pytest.mark.parametrize("width", [390, 1400])
def test_why_lays_what_speaks_for_the_class_over_the_picture(open_page, tmp_path, width):
    bundle = make_bundle(tmp_path / "bundle", ImageSpec(64, 64, 3), ["a", "b", "c"], known=1e6)
    page = open_page(bundle, viewport={"width": width, "height": 900})
    why = page.get_by_role("button", name="Why?")
    expect(why).to_be_hidden()
    page.get_by_role("button", name="Random sample", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Unlike anything it was trained on")
    why.click()
    expect(why).to_have_attribute("aria-pressed", "true")
    heat = page.locator("#heat")
    expect(heat).to_be_visible()
    red = """canvas => { const p = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        let most = 0; for (let i = 3; i < p.length; i += 4) most = Math.max(most, p[i]); return most; }"""
    page.wait_for_function(f"({red})(document.getElementById('heat')) > 100")
    drop = page.locator("#drop").bounding_box()
    assert heat.bounding_box()["width"] == pytest.approx(drop["width"], abs=6)
    why.click()
    expect(heat).to_be_hidden()
    # Another picture is shown as it is.
    why.click()
    page.get_by_role("button", name="Random sample", exact=True).click()
    expect(why).to_have_attribute("aria-pressed", "false")
    expect(heat).to_be_hidden()
