import pytest

from lrfr_mm.errors import InputError
from lrfr_mm.files import safe_component, safe_relative_path


@pytest.mark.parametrize('name', ['a', 'Ann_Lee', 'Cy Ö', '.hidden', 'a..b', 'x' * 255, '¥'])
def test_names_that_are_one_component(name):
    assert safe_component(name, 'list.txt, line 3') == name
    assert safe_relative_path(f'p/./{name}', 'list.txt') == f'p/{name}'


@pytest.mark.parametrize('name', ['', '.', '..', 'a/b', '/', '/etc/passwd', '../x', 'a\\b', '..\\x',
                                  'a\0', 'C:x', 'C:', '...', ' ', 'a\n', 'a\x1b', '\udce4',
                                  'x' * 256, 'ö' * 128])
def test_names_that_are_not(name):
    with pytest.raises(InputError, match=r'list\.txt, line 3'):
        safe_component(name, 'list.txt, line 3')


@pytest.mark.parametrize('path', ['', '.', '/', '/a', '..', '../a', 'a/..', 'a/../b', './..',
                                  'a/b/../../..', 'a/..\\..', 'a//../b', 'C:/a', 'a/\0'])
def test_paths_that_leave_or_do_not_name_anything(path):
    with pytest.raises(InputError, match=r'list\.txt, line 3'):
        safe_relative_path(path, 'list.txt, line 3')


@pytest.mark.parametrize(('path', 'want'), [('a/b.jpg', 'a/b.jpg'), ('./a//b', 'a/b'),
                                            ('a/b/', 'a/b')])
def test_paths_that_stay_below(path, want):
    assert safe_relative_path(path, 'x') == want
