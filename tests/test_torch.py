"""Proximal steps in PyTorch against NumPy, their optimum, and modules that shrink unchanged."""

import copy
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

from sparsecross.torch import Proximal, prune_module  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def sgd(parameters, lr=0.1, **options):
    return torch.optim.SGD(parameters, lr=lr, **options)


# --- one step ---


def prox(w, l1, l2, axis):
    """The formula, group by group, in double precision."""
    w = np.moveaxis(np.array(w, np.float64), axis, 0)
    v = np.sign(w) * np.maximum(np.abs(w) - l1, 0)
    for group in v:
        norm = np.sqrt((group**2).sum())
        group *= max(0.0, 1 - l2 * np.sqrt(group.size) / norm) if norm > 0 else 0.0
    return np.moveaxis(v, 0, axis)


SHAPES = [(7, 5), (1, 9), (6, 3, 2), (40, 33, 3, 3), (3000, 20), (17, 4100)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("groups", ["filters", "neurons", "inputs"])
@pytest.mark.parametrize(("l1", "group_l1"), [(2.0, 0.0), (0.0, 9.0), (2.0, 6.0)])
def test_a_step_is_the_formula(dtype, groups, l1, group_l1):
    for shape in SHAPES:
        w = nn.Parameter(torch.randn(shape, dtype=dtype))
        before, gradient = w.detach().clone(), torch.randn_like(w)
        w.grad = gradient
        Proximal(sgd([w]), l1=l1, group_l1=group_l1, groups=groups).step()
        moved = (before - 0.1 * gradient).numpy()
        expected = prox(moved, 0.1 * l1, 0.1 * group_l1, int(groups == "inputs"))
        tolerance = 1e-5 if dtype == torch.float32 else 1e-12
        np.testing.assert_allclose(w.detach().numpy(), expected, rtol=tolerance, atol=tolerance)
        zeros = np.abs(moved) < 0.1 * l1 - 1e-6
        assert (w.detach().numpy()[zeros] == 0).all()


@pytest.mark.parametrize("groups", ["filters", "inputs"])
def test_compiled_code_and_operations_of_torch_agree(groups):
    w = torch.randn(12, 10, 3, 3)
    routes = {
        "compiled": w.clone(),
        "channels_last": w.clone().to(memory_format=torch.channels_last),
        "with gaps": torch.zeros(12, 10, 3, 6)[..., ::2].copy_(w),
        "half": w.clone().to(torch.bfloat16),
        "labels": w.clone(),
    }
    labels = torch.arange(12)[:, None, None, None]
    if groups == "inputs":
        labels = torch.arange(10)[None, :, None, None]
    for name, start in routes.items():
        routes[name] = start = nn.Parameter(start)
        start.grad = torch.zeros_like(start)
        chosen = labels if name == "labels" else groups
        Proximal(sgd([start]), l1=3.0, group_l1=5.0, groups=chosen).step()
    for name, got in routes.items():
        exact = 0.02 if name == "half" else 1e-5
        torch.testing.assert_close(got.float(), routes["compiled"].detach(), rtol=exact, atol=exact)
    assert 0 < routes["compiled"].count_nonzero() < w.numel()


def test_labels_are_groups_and_callables_and_mappings_choose():
    a, b = (nn.Parameter(torch.randn(4, 6)) for _ in range(2))
    start = a.detach().clone(), b.detach().clone()
    labels = torch.tensor([0, 0, 1, 1, 1, 2]).expand(4, 6)
    for groups in ({a: labels, b: None}, lambda w: labels if w is a else None):
        with torch.no_grad():
            a.copy_(start[0]), b.copy_(start[1])
        a.grad, b.grad = torch.zeros_like(a), torch.zeros_like(b)
        optimizer = Proximal(sgd([a, b]), group_l1=2.0, groups=groups)
        before = sum(
            2 * np.sqrt(start[0][labels == g].numel()) * start[0][labels == g].norm()
            for g in range(3)
        )
        torch.testing.assert_close(optimizer.penalty(), before)
        optimizer.step()
        for g in range(3):
            part = start[0][labels == g].double().numpy()[None]
            np.testing.assert_allclose(a.detach()[labels == g], prox(part, 0, 0.2, 0)[0], atol=1e-6)
        torch.testing.assert_close(b.detach(), start[1])


# --- what is penalised ---


def test_biases_norms_and_what_has_no_gradient_are_left_alone():
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 2))
    frozen = nn.Linear(2, 2)
    before = copy.deepcopy(net)
    optimizer = Proximal(sgd([*net.parameters(), *frozen.parameters()], lr=1.0), l1=1e6)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for (name, now), then in zip(net.named_parameters(), before.parameters(), strict=True):
        if now.ndim >= 2:
            assert not now.any(), name
        else:
            assert torch.equal(now, then), name
    assert frozen.weight.all()


def test_param_groups_override():
    a, b, c = (nn.Parameter(torch.ones(4, 3)) for _ in range(3))
    d = nn.Parameter(torch.ones(5))
    optimizer = Proximal(
        sgd(
            [
                {"params": [a], "l1": 2.0},
                {"params": [b], "penalise": False},
                {"params": [d], "penalise": True, "lr": 0.5},
            ]
        ),
        l1=1.0,
    )
    optimizer.add_param_group({"params": [c], "l1": 0.0, "group_l1": 1.0, "groups": "inputs"})
    expected = 12 * 2.0 + 5 * 1.0 + 3 * np.sqrt(4) * 2
    assert optimizer.penalty().item() == pytest.approx(expected)
    for parameter in (a, b, c, d):
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    np.testing.assert_allclose(a.detach(), 0.8, rtol=1e-6)
    np.testing.assert_allclose(b.detach(), 1.0)
    np.testing.assert_allclose(d.detach(), 0.5)
    np.testing.assert_allclose(c.detach(), 1 - 0.1, rtol=1e-6)


# --- the optimum ---


def least_squares(seed=0, n=60, n_inputs=12, n_outputs=4):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, n_inputs))
    W = np.zeros((n_outputs, n_inputs))
    W[:, :4] = rng.standard_normal((n_outputs, 4))
    return X, X @ W.T + 0.1 * rng.standard_normal((n, n_outputs))


@pytest.mark.parametrize(
    ("options", "factor"),
    [
        ({}, 1.0),
        ({"momentum": 0.9, "dampening": 0.9}, 1.0),
        ({"momentum": 0.9}, 0.1),
        ({"momentum": 0.9, "nesterov": True}, 0.1),
    ],
)
def test_the_optimum_has_the_conditions_of_the_sparse_group_lasso(options, factor):
    X, Y = least_squares()
    layer = nn.Linear(12, 4, bias=False, dtype=torch.float64)
    rows, targets = torch.from_numpy(X), torch.from_numpy(Y)
    lr = 0.02 if factor < 1 else 0.2
    optimizer = Proximal(
        sgd(layer.parameters(), lr, **options),
        l1=0.02 / factor,
        group_l1=0.1 / factor,
        groups="inputs",
    )
    for _ in range(1200):
        optimizer.zero_grad()
        (0.5 * (layer(rows) - targets).square().sum(1).mean()).backward()
        optimizer.step()
    W = layer.weight.detach().numpy()
    pull = (Y - X @ W.T).T @ X / len(X)
    l2 = 0.1 * np.sqrt(4)
    n_dropped = 0
    for w, c in zip(W.T, pull.T, strict=True):
        rest = np.sign(c) * np.maximum(np.abs(c) - 0.02, 0)
        if not w.any():
            n_dropped += 1
            assert np.linalg.norm(rest) <= l2 + 1e-9
            continue
        on = w != 0
        smooth = l2 * w[on] / np.linalg.norm(w) + 0.02 * np.sign(w[on])
        np.testing.assert_allclose(c[on], smooth, atol=1e-9)
        assert (np.abs(c[~on]) <= 0.02 + 1e-9).all()
    assert 0 < n_dropped < 12


# --- an optimizer like any other ---


def trained(net, optimizer, steps, scheduler=None):
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        x = torch.randn(16, 6, generator=generator)
        optimizer.zero_grad()
        F.mse_loss(net(x), x[:, :2]).backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 2))


@pytest.mark.parametrize("kind", ["SGD", "Adam", "RMSprop"])
@pytest.mark.parametrize("pickled", [False, True])
def test_resumes_to_the_same_bits(kind, pickled):
    def make(net, l1=0.01):
        more = {"momentum": 0.9} if kind == "SGD" else {}
        return Proximal(
            getattr(torch.optim, kind)(net.parameters(), lr=0.01, **more), l1=l1, group_l1=0.01
        )

    whole = mlp()
    optimizer = make(whole)
    trained(whole, optimizer, 5)
    if pickled:
        net, again = pickle.loads(pickle.dumps((whole, optimizer)))
        assert again.param_groups is again.optimizer.param_groups
    else:
        net = mlp()
        net.load_state_dict(copy.deepcopy(whole.state_dict()))
        again = make(net, l1=7.0)
        again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        assert again.param_groups[0]["l1"] == 0.01
    trained(whole, optimizer, 5)
    trained(net, again, 5)
    for a, b in zip(whole.parameters(), net.parameters(), strict=True):
        assert torch.equal(a, b)


def test_takes_the_state_of_a_bare_optimizer():
    net = mlp()
    optimizer = Proximal(torch.optim.Adam(net.parameters()), l1=0.5)
    optimizer.load_state_dict(torch.optim.Adam(net.parameters()).state_dict())
    assert optimizer.param_groups[0]["l1"] == 0.5
    trained(net, optimizer, 1)


def test_follows_schedulers_and_hooks():
    w = nn.Parameter(torch.full((2, 2), 10.0))
    w.grad = torch.zeros_like(w)
    optimizer = Proximal(sgd([w], lr=1.0), l1=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    seen = []
    optimizer.register_step_post_hook(lambda *_: seen.append(w[0, 0].item()))
    for _ in range(4):
        optimizer.step()
        scheduler.step()
    assert seen == [9.0, 8.5, 8.25, 8.125]


def test_closures_and_lbfgs():
    net = mlp()
    x = torch.randn(32, 6)
    optimizer = Proximal(
        torch.optim.LBFGS(net.parameters(), lr=0.5, line_search_fn="strong_wolfe"), l1=0.05
    )

    def closure():
        optimizer.zero_grad()
        loss = F.mse_loss(net(x), x[:, :2])
        loss.backward()
        return loss

    first = optimizer.step(closure)
    for _ in range(4):
        last = optimizer.step(closure)
    assert last < first
    assert (net[0].weight == 0).any()


def test_dropped_groups_stay_while_the_penalty_outweighs_the_gradient():
    net = mlp()
    optimizer = Proximal(torch.optim.Adam(net.parameters(), lr=0.01), group_l1=0.1)
    trained(net, optimizer, 300)
    dead = (net[0].weight == 0).all(dim=1)
    assert dead.any()
    for _ in range(20):
        trained(net, optimizer, 1)
        assert not net[0].weight[dead].any()


def test_bad_arguments_are_named():
    w = nn.Parameter(torch.ones(3, 2))
    with pytest.raises(TypeError, match=r"optimizer must be a torch\.optim\.Optimizer"):
        Proximal([w])
    for bad in (-1.0, float("nan"), float("inf"), "1"):
        with pytest.raises(ValueError, match="l1 must be a finite number"):
            Proximal(sgd([w]), l1=bad)
    with pytest.raises(ValueError, match=r"groups must be one of .*, got 'columns'"):
        Proximal(sgd([w]), groups="columns")
    with pytest.raises(ValueError, match=r"groups must broadcast to the shape \(3, 2\)"):
        Proximal(sgd([w]), groups=torch.zeros(4, dtype=torch.long))
    with pytest.raises(ValueError, match="groups must be labels from 0, got -1"):
        Proximal(sgd([w]), groups=torch.tensor(-1))
    with pytest.raises(TypeError, match="groups must be labels of an integer type"):
        Proximal(sgd([w]), groups=torch.zeros(3, 2))
    with pytest.raises(TypeError, match="groups of a parameter must be a name"):
        Proximal(sgd([w]), groups=3)
    vector = nn.Parameter(torch.ones(3))
    with pytest.raises(ValueError, match="groups='inputs' needs two axes"):
        Proximal(sgd([{"params": [vector], "penalise": True}]), groups="inputs")
    with pytest.raises(TypeError, match="real floats"):
        Proximal(sgd([nn.Parameter(torch.ones(2, 2, dtype=torch.complex64))]))
    optimizer = Proximal(sgd([w]))
    with pytest.raises(ValueError, match="group_l1 must be"):
        optimizer.add_param_group({"params": [vector], "group_l1": -1.0})
    assert len(optimizer.param_groups) == 1


# --- smaller modules ---


def dead(layer, outputs, bias=None):
    with torch.no_grad():
        layer.weight[outputs] = 0
        if bias is not None:
            layer.bias[outputs] = bias


def settled(net, *shape):
    """Running statistics that are not trivial, and evaluation mode."""
    net.train()
    for _ in range(3):
        net(torch.randn(*shape) * 2 + 1)
    return net.eval()


def n_bytes(net):
    return sum({v.data_ptr(): v.nbytes for v in net.state_dict().values()}.values())


def assert_same(net, *shape):
    x = torch.randn(*shape)
    before = copy.deepcopy(net.state_dict())
    small, report = prune_module(net, x)
    with torch.no_grad():
        torch.testing.assert_close(small(x), net(x), rtol=1e-4, atol=1e-5)
    assert all(torch.equal(before[name], now) for name, now in net.state_dict().items())
    assert report.dense_bytes == n_bytes(net)
    assert report.pruned_bytes == n_bytes(small)
    return small, report


def test_neurons_and_their_constants():
    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2))
    dead(net[0], [1, 4])  # constants from their biases
    dead(net[2], [0], -1.0)
    with torch.no_grad():
        net[4].weight[:, 3] = 0  # nobody reads neuron 3
    small, report = assert_same(net, 9, 5)
    assert (small[0].out_features, small[2].in_features) == (6, 6)
    assert (small[2].out_features, small[4].in_features) == (4, 4)
    assert report.ratio > 1.3
    assert "Linear" in str(report)
    assert "<td>total</td>" in report._repr_html_()


def test_what_only_dropped_outputs_read_goes_too():
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 1))
    with torch.no_grad():
        net[4].weight[:, 2:] = 0
        net[2].weight[:2, 3:] = 0
    small, _ = assert_same(net, 7, 4)
    assert (small[0].out_features, small[2].out_features) == (3, 2)


def test_constants_make_a_bias_where_there_is_none():
    net = nn.Sequential(nn.Linear(4, 6), nn.Sigmoid(), nn.Linear(6, 3, bias=False))
    dead(net[0], [2])
    small, _ = assert_same(net, 7, 4)
    assert small[2].bias is not None
    assert small[2].in_features == 5


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_convolutions_of_any_dimension_with_batch_norm(dimension):
    kind = getattr(nn, f"Conv{dimension}d")
    norm = getattr(nn, f"BatchNorm{dimension}d")
    pool = getattr(nn, f"AdaptiveAvgPool{dimension}d")
    net = nn.Sequential(
        kind(2, 8, 3), norm(8), nn.LeakyReLU(), kind(8, 6, 3), norm(6), nn.ReLU(), pool(1),
        nn.Flatten(), nn.Linear(6, 3),
    )  # fmt: skip
    shape = (4, 2, *(9,) * dimension)
    settled(net, *shape)
    dead(net[0], [0, 5])  # no padding: the constant of batch norm goes into a bias
    with torch.no_grad():
        net[1].weight[3] = 0
        net[4].weight[2] = 0
    small, _ = assert_same(net, *shape)
    assert (small[0].out_channels, small[1].num_features, small[3].in_channels) == (5, 5, 5)
    assert (small[3].out_channels, small[8].in_features) == (5, 5)


def test_padding_keeps_constants_that_are_not_zero():
    def net(activation):
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), activation, nn.Conv2d(4, 3, 3, padding=1), nn.Flatten()
        )

    kept = net(nn.Sigmoid())
    dead(kept[0], [1])
    small, _ = assert_same(kept, 2, 1, 6, 6)
    assert small[0].out_channels == 4
    dropped = net(nn.ReLU())
    dead(dropped[0], [1], -0.5)  # 0 behind the rectifier
    small, _ = assert_same(dropped, 2, 1, 6, 6)
    assert small[0].out_channels == 3
    reflected = net(nn.Sigmoid())
    reflected[2].padding_mode = "reflect"
    reflected[2] = nn.Conv2d(4, 3, 3, padding=1, padding_mode="reflect")
    dead(reflected[0], [1])
    small, _ = assert_same(reflected, 2, 1, 6, 6)
    assert small[0].out_channels == 3


def test_flattened_maps_have_a_block_of_columns_for_each_channel():
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(), nn.Linear(54, 4)
    )
    net.eval()
    dead(net[0], [0, 3], 0.7)
    with torch.no_grad():
        net[5].weight.view(4, 6, 9)[:, 5] = 0
    small, _ = assert_same(net, 3, 1, 8, 8)
    assert (small[0].out_channels, small[5].in_features) == (3, 27)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.one = nn.Conv2d(8, 5, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(5)
        self.two = nn.Conv2d(5, 8, 3, padding=1)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = F.relu(self.stem(x))
        out = F.relu(self.norm(self.one(x)), inplace=True)
        out = self.two(out)
        out += x
        return self.head(F.relu(out).mean((2, 3)))


def test_residual_sums_keep_what_any_branch_needs():
    net = settled(Residual(), 4, 1, 7, 7)
    dead(net.stem, [0, 1, 2], 0.0)
    dead(net.two, [1, 2, 3], 0.0)
    with torch.no_grad():
        net.norm.weight[4], net.norm.bias[4] = 0, -1
        net.head.weight[:, 6] = 0  # yet `one` reads channel 6
    small, report = assert_same(net, 4, 1, 7, 7)
    assert small.stem.out_channels == small.two.out_channels == small.head.in_features == 6
    assert small.one.out_channels == small.two.in_channels == 4
    assert report.kept == ()
    assert isinstance(small, Residual)


def test_depthwise_convolutions_and_slopes_go_with_their_channels():
    net = nn.Sequential(
        nn.Conv2d(2, 8, 1), nn.PReLU(8), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8),
        nn.ReLU6(), nn.Conv2d(8, 4, 1), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 2),
    )  # fmt: skip
    settled(net, 4, 2, 6, 6)
    dead(net[2], [1, 6])
    dead(net[5], [0], 0.3)
    small, _ = assert_same(net, 4, 2, 6, 6)
    assert small[0].out_channels == small[2].groups == small[1].num_parameters == 6
    assert (small[5].out_channels, small[8].in_features) == (3, 27)


class Viewed(nn.Module):
    def __init__(self, rows):
        super().__init__()
        self.conv, self.head = nn.Conv1d(1, 6, 3), nn.Linear(24, 2)
        self.rows = rows

    def forward(self, x):
        x = torch.sigmoid(self.conv(x)) * 2 - 1
        return self.head(x.view(x.size(0), -1) if self.rows else x.view(-1, 24))


def test_what_cannot_be_followed_is_kept_and_said():
    net = Viewed(rows=True)
    dead(net.conv, [0])
    small, report = assert_same(net, 3, 1, 6)
    assert (small.conv.out_channels, report.kept) == (5, ())
    net.rows = False
    small, report = assert_same(net, 3, 1, 6)
    assert small.conv.out_channels == 6
    assert report.kept == ("view and all that it reads: it does not treat channels one by one",)
    assert "kept: view and all" in str(report)
    normed = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 2))
    dead(normed[0], [1])
    small, report = assert_same(normed, 3, 4)
    assert small[0].out_features == 6
    assert "1 (LayerNorm)" in report.kept[0]
    shared = nn.Linear(5, 5)
    twice = nn.Sequential(shared, nn.ReLU(), shared)
    dead(shared, [1], 0.0)
    small, report = assert_same(twice, 3, 5)
    assert small[0].out_features == 5
    assert report.kept == (
        "0 (Linear) and all that it reads: it is used several times or shares its weights",
    )


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Overwriting(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        x = self.one(x)
        return self.two(F.relu(x, inplace=True)) + self.two.bias + x.sum()


def test_what_cannot_be_pruned_is_refused():
    with pytest.raises(TypeError, match=r"module must be a torch\.nn\.Module"):
        prune_module(3)
    with pytest.raises(ValueError, match=r"module cannot be traced by torch\.fx"):
        prune_module(Branching())
    with pytest.raises(ValueError, match="'relu' changes in place what other layers read"):
        prune_module(Overwriting())


def test_a_layer_keeps_one_output_and_modes_are_kept():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    dead(net[2], slice(None), 0.5)
    net[1].eval()
    small, _ = assert_same(net, 5, 3)
    assert [layer.training for layer in small] == [layer.training for layer in net]
    assert small[0].out_features == small[2].out_features == 1
    assert small.training


@pytest.mark.parametrize("seed", range(8))
def test_random_zeros_in_a_trained_net_change_nothing(seed):
    rng = np.random.default_rng(seed)
    net = nn.Sequential(
        nn.Conv2d(2, 10, 3, padding=int(rng.integers(2))), nn.BatchNorm2d(10), nn.SiLU(),
        nn.Conv2d(10, 12, 3, padding=int(rng.integers(2)), stride=2), nn.GELU(),
        nn.Conv2d(12, 8, 1), nn.BatchNorm2d(8), nn.Hardswish(), nn.AdaptiveMaxPool2d(2),
        nn.Flatten(), nn.Linear(32, 16), nn.BatchNorm1d(16), nn.ELU(), nn.Linear(16, 3),
    )  # fmt: skip
    settled(net, 6, 2, 9, 9)
    with torch.no_grad():
        for layer in net:
            if hasattr(layer, "weight"):
                layer.weight[rng.random(len(layer.weight)) < 0.4] = 0
                if layer.weight.ndim > 1:
                    layer.weight[:, rng.random(layer.weight.shape[1]) < 0.2] = 0
    _, report = assert_same(net, 6, 2, 9, 9)
    assert report.ratio > 1.5
