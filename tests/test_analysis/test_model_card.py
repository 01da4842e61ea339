"""Model cards: rates of groups by brute force, and what the card says of what was not measured."""
import numpy as np
import pytest

from lrfr_mm.analysis.model_card import CardInputs, drawn_groups, read_groups, write_card
from lrfr_mm.datasets.sources import SyntheticFaces
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.evaluation.calibration import SizeCalibration
from lrfr_mm.evaluation.functional.groups import group_error_rates
from lrfr_mm.ops.facegen import sample_identity


def test_group_rates_against_a_double_loop(rng):
    vectors = rng.standard_normal((40, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    people = np.repeat(np.arange(10), 4)
    groups = np.where(people < 6, 'a', 'b')
    found = group_error_rates(vectors, people, groups, .2)
    for name, ids in (('a', range(24)), ('b', range(24, 40))):
        wrong = [vectors[i] @ vectors[j] > .2 for i in ids for j in ids
                 if i < j and people[i] != people[j]]
        missed = [vectors[i] @ vectors[j] <= .2 for i in ids for j in ids
                  if i < j and people[i] == people[j]]
        row = found[name]
        assert row['fmr'] == pytest.approx(np.mean(wrong))
        assert row['fnmr'] == pytest.approx(np.mean(missed))
        assert row['fmr_low'] < row['fmr'] < row['fmr_high']
        assert (row['people'], row['images']) == (len(ids) // 4, len(ids))


def test_a_group_of_one_person_has_no_false_match_rate():
    found = group_error_rates(np.eye(3), [0, 0, 1], ['a', 'a', 'b'], .5)
    assert np.isnan(found['a']['fmr']) and found['a']['fnmr'] == 1
    assert np.isnan(found['b']['fnmr'])
    with pytest.raises(ValueError, match='2 identities'):
        group_error_rates(np.eye(3), [0, 0], ['a'] * 3, .5)


def test_groups_of_drawn_faces_are_their_traits():
    source = SyntheticFaces(30, 2, seed=3, first_identity=5)
    groups = drawn_groups(source)
    for label in range(30):
        who = sample_identity(np.random.default_rng([3, 5 + label]))
        tone = 'light' if who.melanin < 1 / 3 else 'medium' if who.melanin < 2 / 3 else 'dark'
        assert set(groups['skin tone'][2 * label:2 * label + 2]) == {tone}
        assert groups['glasses'][2 * label] == ('usually worn' if who.wears_glasses
                                                else 'seldom worn')


@pytest.mark.parametrize('text, message', [
    ('name,tone\nAnn,x\n', 'a column "person"'), ('person\nAnn\n', 'at least one grouping'),
    ('person,tone\nAnn,x\nAnn,y\n', 'line 3: Ann is there twice'),
    ('person,tone\nAnn,\n', 'line 2: a group is missing'),
    ('person,tone\nBob,x\n', 'no line for Ann'), ('', 'a column "person"')])
def test_group_files_that_do_not_fit(tmp_path, text, message):
    path = tmp_path / 'groups.csv'
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_groups(path, ['Ann'])
    assert 'groups.csv' in str(error.value)
    with pytest.raises(InputMissingError):
        read_groups(tmp_path / 'none.csv', ['Ann'])
    path.write_bytes('\ufeffperson,tone\nAnn,light\n'.encode())
    assert read_groups(path, ['Ann'])['tone'].tolist() == ['light']


def test_a_card_without_measurements_says_so(tmp_path):
    write_card(CardInputs('Mine', 'model = 1', 'f' * 40), tmp_path)
    for name in ('card.md', 'card.html'):
        text = (tmp_path / name).read_text()
        assert text.count('Not measured') == 3 and 'Not stated by the author' in text


def test_a_card_holds_the_numbers(tmp_path, rng):
    identities = np.repeat(np.arange(30), 4)
    who = rng.standard_normal((30, 16))[identities]
    embeddings = {}
    for size in (7, 112):
        noisy = who + (.2 + 5 / size) * rng.standard_normal(who.shape)
        embeddings[size] = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
    calibration = SizeCalibration.fit(embeddings, identities, source='thirty people')
    run = dict(rows=[dict(benchmark='lfw', metric='accuracy', value=99.4, interval=[99.1, 99.6],
                          protocol='exact, 10 folds', alignment='MTCNN'),
                     dict(benchmark='lfw', metric='auc', value=99.8, protocol='exact, 10 folds',
                          alignment='MTCNN')])
    write_card(CardInputs('Mine & ours', 'model = 1', 'f' * 40, 'Drawn faces.', 'Doors.', run,
                          calibration, dict(tone=group_error_rates(
                              embeddings[7], identities, np.where(identities < 9, 'a', 'b'), .4)),
                          'at 7 px', 1234567), tmp_path)
    text = (tmp_path / 'card.md').read_text()
    assert f'| 7 px | 112 px | {calibration.threshold((7, 112), .01):.3f} |' in text
    assert 'too few people' in text  # 30 people say nothing of a rate of 0.001
    for part in ('| lfw | accuracy | 99.40 | 99.1 to 99.6 |', 'thirty people', '1,234,567',
                 'Doors.', '| a | 9 |', '| lfw | auc | 99.80 |  |  |'):
        assert part in text
    assert 'Mine &amp; ours' in (tmp_path / 'card.html').read_text()
