import pytest
import torch

from lrfr_mm.analysis import timm_networks
from lrfr_mm.analysis.timm_networks import check_modules, check_network, smallest_network


@pytest.mark.parametrize(('module', 'network', 'fit', 'output'), [
    ('byobnet', 'test_byobnet', 'native', 'map 256x4x4'),
    ('maxxvit', 'test_coatnet', 'resize', 'map 128x4x4'),
    ('efficientnet', 'test_efficientnet', 'native', 'map 256x4x4')])
def test_the_smallest_network_of_a_module_is_checked(module, network, fit, output):
    (result,) = check_modules([module])
    assert (result.module, result.network, result.fit) == (module, network, fit)
    assert (result.output, result.error) == (output, '')


def test_errors_are_rows_of_the_table(monkeypatch):
    assert 'no network' in check_network('test_resnet_of_dreams').error
    with pytest.raises(ValueError, match="'nomodule'"):
        smallest_network('nomodule')

    class Idle(timm_networks.TIMMBackbone):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.idle = torch.nn.Linear(2, 2)

    monkeypatch.setattr(timm_networks, 'TIMMBackbone', Idle)
    assert check_network('test_byobnet').error == 'without gradient: idle.weight, idle.bias'
