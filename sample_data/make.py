"""Make the sample feature maps: train a small network to colourise two photographs, dump its layers.

    python sample_data/make.py [--out DIR]

Needs torch, scikit-learn, h5py, safetensors, ml-dtypes and numpy. Takes about 70 seconds on two CPU cores.
The seed is fixed: the same machine gives the same bytes; another torch build gives maps of the same kind.

The task is self-supervised: from the grey picture alone, predict its two colour differences (R - grey,
B - grey). The colour of every fifth 40 x 40 block never enters the loss and serves as the test. There the
squared error is 0.0016, against 0.0057 for the average colour and 0.0033 for the best colour of each grey
level, two baselines that use no features; the script prints them. The maps are those of one run of the
trained network over the whole of china.jpg (427 x 640).
"""

import argparse
import time
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from sklearn.datasets import load_sample_image  # type: ignore[import-untyped]
from torch import Tensor, nn
from torch.nn import functional as F

SEED = 7
STEPS = 800
LEARNING_RATE = 4e-3
BLOCK = 40
GREY_WEIGHTS = (0.299, 0.587, 0.114)
STAGE_CHANNELS = (8, 24, 32, 32)
LATERAL_CHANNELS = 16
GREY_LEVELS = 64


def stage(in_channels: int, out_channels: int, convolutions: int) -> nn.Sequential:
    """3x3 convolutions with GroupNorm and ReLU; the first halves the grid, rounding up."""
    layers: list[nn.Module] = []
    for position in range(convolutions):
        source, stride = (in_channels, 2) if position == 0 else (out_channels, 1)
        layers += [
            nn.Conv2d(source, out_channels, 3, stride, padding=1, bias=False),
            nn.GroupNorm(4, out_channels),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


class Coloriser(nn.Module):
    """Grey (N, 1, H, W) to two colour differences (N, 2, H, W).

    Four stages of strides 2, 4, 8, 16. Stages 2 to 4 pass a 1x1 lateral convolution, are brought to the
    grid of stage 2 bilinearly and added; a learned transposed convolution takes the sum to the grid of
    stage 1, where stage 1 is added. So the decoder is made of the very steps that `fuse` performs.
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth = STAGE_CHANNELS
        self.stages = nn.ModuleList(
            [stage(1, first, 1), stage(first, second, 2), stage(second, third, 2), stage(third, fourth, 2)]
        )
        self.laterals = nn.ModuleList(nn.Conv2d(size, LATERAL_CHANNELS, 1) for size in STAGE_CHANNELS[1:])
        self.up = nn.ConvTranspose2d(LATERAL_CHANNELS, first, kernel_size=4, stride=2, padding=1)
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv2d(first, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 2, 1)
        )

    def features(self, grey: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The outputs of the four stages, and the lateral outputs of stages 2 to 4."""
        outputs: list[Tensor] = []
        x = (grey - 0.5) * 4
        for part in self.stages:
            x = part(x)
            outputs.append(x)
        return outputs, [lateral(x) for lateral, x in zip(self.laterals, outputs[1:], strict=True)]

    def forward(self, grey: Tensor) -> Tensor:
        outputs, (fused, *coarser) = self.features(grey)
        for level in coarser:
            fused = fused + F.interpolate(level, fused.shape[2:], mode="bilinear")
        merged = outputs[0] + self.up(fused, output_size=outputs[0].shape[2:])
        return F.interpolate(self.head(merged), grey.shape[2:], mode="bilinear")


def load(name: str) -> tuple[Tensor, Tensor]:
    """A photograph of scikit-learn as grey (1, 1, H, W) in 0..1 and colour differences (1, 2, H, W)."""
    pixels = torch.from_numpy(load_sample_image(name).copy()).permute(2, 0, 1)[None].float() / 255
    grey = (pixels * torch.tensor(GREY_WEIGHTS).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return grey, pixels[:, ::2] - grey


def held_out(height: int, width: int) -> Tensor:
    """Which pixels (H, W) the loss never sees: every fifth block, a knight's move apart."""
    rows, columns = torch.arange(height) // BLOCK, torch.arange(width) // BLOCK
    return (2 * rows[:, None] + columns) % 5 == 0


def train(pictures: list[tuple[Tensor, Tensor]]) -> Coloriser:
    """A network trained on whole pictures in turn, each mirrored half of the time.

    Whole, not in crops: GroupNorm's statistics would differ from those of the final run.
    """
    network = Coloriser()
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=LEARNING_RATE, total_steps=STEPS)
    for step in range(1, STEPS + 1):
        grey, colour = pictures[step % len(pictures)]
        seen = ~held_out(*grey.shape[2:])
        if torch.rand(()) < 0.5:
            grey, colour, seen = grey.flip(-1), colour.flip(-1), seen.flip(-1)
        loss = (network(grey) - colour).square()[..., seen].mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step:4d}  squared error {loss.item():.5f}", flush=True)
    return network.eval()


def best_colour_per_grey(grey: Tensor, colour: Tensor, seen: Tensor) -> Tensor:
    """For every pixel the average colour that the `seen` pixels of its grey level have."""
    level = (grey[0, 0] * (GREY_LEVELS - 1)).round().long()
    sums = torch.zeros(2, GREY_LEVELS).index_add_(1, level[seen], colour[0][:, seen])
    counts = torch.bincount(level[seen], minlength=GREY_LEVELS).clamp(min=1)
    return (sums / counts)[:, level][None]


def print_errors(network: Coloriser, grey: Tensor, colour: Tensor) -> None:
    """The squared error on the trained and on the held-out blocks, beside the baselines."""
    unseen = held_out(*grey.shape[2:])
    average = colour[..., ~unseen].mean(-1)[..., None, None]
    with torch.no_grad():
        guesses = {
            "average colour": average,
            "best per grey level": best_colour_per_grey(grey, colour, ~unseen),
            "network": network(grey),
        }
    print("china.jpg, squared error      trained blocks   held-out blocks")
    for name, guess in guesses.items():
        errors = (guess - colour).square()
        print(f"  {name:24s} {errors[..., ~unseen].mean():17.5f} {errors[..., unseen].mean():17.5f}")


def foreground(lateral: Tensor) -> Tensor:
    """A soft mask (H, W) in 0..1: the strongest principal component of the features, squashed.

    The sky, the largest even region, is the background: the top rows get the low values.
    """
    _, height, width = lateral.shape[1:]
    rows = lateral[0].flatten(1).T
    rows = rows - rows.mean(0)
    _, vectors = torch.linalg.eigh(rows.T @ rows)
    score = (rows @ vectors[:, -1]).view(height, width)
    score = score / score.std()
    if score[: height // 4].mean() > score[height // 4 :].mean():
        score = -score
    return torch.sigmoid(3 * score)


def tokens(features: Tensor) -> Tensor:
    """(1, 1 + 13 * 20, C): stage 4 averaged to 13 x 20, row by row, behind one token: its overall mean."""
    grid = F.adaptive_avg_pool2d(features, (13, 20)).flatten(2).transpose(1, 2)
    return torch.cat([features.mean((2, 3))[:, None], grid], dim=1)


def half(values: Tensor) -> NDArray[np.float16]:
    """float16, in C order."""
    return np.ascontiguousarray(values.numpy().astype(np.float16))


def dump(network: Coloriser, grey: Tensor, out: Path) -> None:
    """Write every file of the folder."""
    with torch.no_grad():
        outputs, (lateral2, lateral3, lateral4) = network.features(grey)
    np.save(out / "stage2.npy", half(lateral2))
    np.save(out / "stage3.npy", half(lateral3))
    np.save(out / "mask.npy", half(foreground(lateral2)))
    np.save(out / "tokens.npy", half(tokens(outputs[3])))

    with h5py.File(out / "stage4.h5", "w") as file:
        for key, values in (("feat/stage4", lateral4), ("backbone/stage4", outputs[3])):
            data = half(values.permute(0, 2, 3, 1))
            dataset = file.create_dataset(
                key, data=data, chunks=(1, 14, 20, data.shape[3]), compression="gzip"
            )
            for axis, letter in enumerate("NHWC"):
                dataset.dims[axis].label = letter

    maps = {"stage1": outputs[0], "stage3": lateral3, "stage4": lateral4}
    save_file(
        # safetensors' NumPy writer ignores strides, so the arrays must be in C order
        {key: np.ascontiguousarray(x.numpy().astype(ml_dtypes.bfloat16)) for key, x in maps.items()},
        out / "stages.safetensors",
        metadata={"layout": "NCHW"},  # one entry: safetensors writes several in random order
    )
    state = network.state_dict()
    weights = {
        "lateral4.weight": state["laterals.2.weight"],
        "lateral4.bias": state["laterals.2.bias"],
        "up.weight": state["up.weight"],
        "up.bias": state["up.bias"],
    }
    save_file(
        {key: np.ascontiguousarray(x.numpy()) for key, x in weights.items()},
        out / "weights.safetensors",
        metadata={"about": "lateral4: 1x1 convolution, OIHW; up: transposed, IOHW, stride 2, padding 1"},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the sample feature maps.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(SEED)
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    china, flower = load("china.jpg"), load("flower.jpg")
    start = time.perf_counter()
    network = train([china, flower])
    print(f"trained in {time.perf_counter() - start:.0f} s")
    print_errors(network, *china)
    dump(network, china[0], out)


if __name__ == "__main__":
    main()
