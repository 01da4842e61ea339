"""The page of the server, driven in Chromium."""
import shutil
import socket
import threading
import time

import cv2
import numpy as np
import pytest

pytest.importorskip('fastapi')

from lrfr_mm.apis.gallery import SQLiteGallery
from lrfr_mm.apis.inferencer import FaceInferencer
from lrfr_mm.apis.serve import FaceService, create_app
from lrfr_mm.evaluation.calibration import SizeCalibration
from tests.test_apis.test_inferencer import Marker, Mean, picture

uvicorn = pytest.importorskip('uvicorn')
playwright = pytest.importorskip('playwright.sync_api')

CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))),
                None)
pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(CHROMIUM is None, reason='there is no Chromium here')]


@pytest.fixture
def address(monkeypatch, tmp_path):
    """A running server that asks for the token "secret"."""
    import lrfr_mm.apis.inferencer.face_inferencer as module
    monkeypatch.setattr(module, 'Embedder', Mean)
    rng = np.random.default_rng(0)
    identities = np.repeat(np.arange(60), 4)
    vectors = rng.standard_normal((60, 3))[identities] + .05 * rng.standard_normal((240, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    calibration = SizeCalibration.fit({7: vectors, 112: vectors}, identities,
                                      fingerprint='abc')
    inferencer = FaceInferencer(Mean(), detector=Marker(), show_progress=False)
    service = FaceService(inferencer, calibration, SQLiteGallery(tmp_path / 'gallery', 3, 'abc'))
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(create_app(service, 'secret'), port=port,
                                           log_level='error'))
    thread = threading.Thread(target=server.run)
    thread.start()
    end = time.monotonic() + 30
    while not server.started and time.monotonic() < end:
        time.sleep(.05)
    yield f'http://127.0.0.1:{port}/'
    server.should_exit = True
    thread.join()


@pytest.fixture
def page(address):
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        page = browser.new_page()
        page.set_default_timeout(30_000)
        page.faults = []
        page.on('pageerror', lambda error: page.faults.append(str(error)))
        page.on('dialog', lambda dialog: dialog.accept())
        page.goto(address)
        yield page
        browser.close()
        assert page.faults == []


def upload(dots=((60, 60),), colour=(90, 90, 90)):
    """A file for an input of the page: a picture with a face at each dot."""
    image = picture(dots)
    image[(image == 90).all(2)] = colour
    return dict(name='picture.png', mimeType='image/png',
                buffer=cv2.imencode('.png', image[..., ::-1])[1].tobytes())


def log_in(page, token='secret'):
    page.fill('#token', token)
    page.click('dialog button')


def test_a_wrong_token_is_refused_and_a_right_one_continues_the_request(page):
    page.wait_for_selector('dialog[open]')
    log_in(page, 'wrong')
    page.set_input_files('#file-0', upload())
    page.wait_for_selector('#refused:not([hidden])')
    log_in(page)
    page.wait_for_selector('text=1 face')
    page.reload()
    page.wait_for_selector('#rate', state='attached')
    assert not page.is_visible('dialog[open]')  # the token is kept for this tab


def test_two_pictures_are_compared_while_one_shrinks(page):
    log_in(page)
    page.set_input_files('#file-0', upload(colour=(20, 90, 150)))
    page.set_input_files('#file-1', upload(((60, 60), (160, 50)), colour=(20, 90, 150)))
    page.wait_for_selector('#result:not([hidden])')
    assert page.text_content('#drop-1 figcaption') == '2 faces: click one'
    assert page.text_content('#verdict') == 'Same person'
    assert page.text_content('#px') == '112 px'
    full, image = page.text_content('#sizes'), page.get_attribute('#face-1', 'src')
    page.focus('#resolution')
    page.keyboard.press('Home')
    assert page.text_content('#px') == '7 px'
    assert full == '56 px and 56 px' and page.text_content('#sizes') == '7 px and 56 px'
    assert page.get_attribute('#face-1', 'src') != image
    rates = page.eval_on_selector_all('#wanted option', 'all => all.map((o) => o.value)')
    assert rates == ['0.1', '0.01']
    threshold = page.text_content('#threshold')
    page.select_option('#wanted', '0.1')
    page.wait_for_selector('#far:has-text("10 %")')
    assert float(page.text_content('#threshold')) < float(threshold)
    page.set_input_files('#file-1', upload(()))
    page.wait_for_selector('text=No face was found')
    assert not page.is_visible('#result')


def test_people_are_enrolled_found_and_deleted(page):
    log_in(page)
    page.click('#tab-gallery')
    for name, colour in (('Ann <b>', (20, 90, 150)), ('Bob', (150, 90, 20))):
        page.fill('input[name=name]', name)
        page.fill('input[name=consent]', 'form 17')
        page.set_input_files('input[name=picture]', upload(colour=colour))
        page.click('#enroll button')
        page.wait_for_selector(f'#people li:has-text("{name}")')
    assert page.text_content('#people li') == 'Ann <b> 1 picture; form 17Delete'
    rates = page.eval_on_selector_all('#fpir option', 'all => all.map((o) => o.value)')
    assert rates == ['0.01', '0.05', '0.1', '0.3'] and page.input_value('#fpir') == '0.05'
    page.set_input_files('#file-probe', upload(colour=(22, 90, 148)))
    page.wait_for_selector('#answers li:has-text("56 px: Ann <b> (similarity")')
    page.set_input_files('input[name=picture]', upload(()))
    page.fill('input[name=name]', 'Eve')
    page.fill('input[name=consent]', 'none')
    page.click('#enroll button')
    page.wait_for_selector('#message:has-text("shows 0 faces")')
    page.click('#people li:has-text("Ann") button')
    page.wait_for_selector('#people li:has-text("Ann")', state='detached')
    assert page.locator('#people li').count() == 1
    page.set_input_files('#file-probe', upload(colour=(21, 90, 149)))
    page.wait_for_selector('#answers li:not(:has-text("Ann"))')
