"""PyTorch training steps of DIYModel, eager or compiled. A number on stdin makes so many steps, reads the last loss and prints the
seconds of a step.

torch_step.py BATCH_SIZE [compile|graphs] [mixed] [gpu]

graphs: compiled and replayed as CUDA graphs. float32 means TF32 on a GPU that supports it; mixed means bfloat16 autocast.
"""
import contextlib, sys, time
import numpy as np, torch
from torch import nn

device = "cuda" if "gpu" in sys.argv else "cpu"
torch.set_float32_matmul_precision("high")
torch.backends.cudnn.allow_tf32 = True
torch.backends.cudnn.benchmark = True


class Block(nn.Module):
    def __init__(self, inputs, filters, kernel):
        super().__init__()
        self.convolve = nn.Conv1d(inputs, filters, kernel, padding="same")
        nn.init.kaiming_normal_(self.convolve.weight)
        self.normalize = nn.BatchNorm1d(filters, momentum=0.1, eps=1e-5)

    def forward(self, x):
        return nn.functional.max_pool1d(nn.functional.silu(self.normalize(self.convolve(x))), 4)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(Block(1, 32, 64), Block(32, 64, 32), Block(64, 128, 16), Block(128, 256, 8))
        self.p = nn.Parameter(torch.tensor([3.0]))
        dense = [layer for a, b in ((768, 256), (256, 64))
                 for layer in (nn.Linear(a, b), nn.BatchNorm1d(b, momentum=0.1, eps=1e-5), nn.SiLU(), nn.Dropout(0.5))]
        self.dense = nn.Sequential(*dense, nn.Linear(64, 1))

    def forward(self, signals):
        p = self.p.clamp(1, 10)
        maps = [self.blocks(signals[:, d : d + 1]).float() for d in range(3)]
        features = [h.clamp(1e-6, 1e10).pow(p).mean(2).pow(1 / p) for h in maps]
        return self.dense(torch.cat(features, 1))[:, 0]


model = Model().to(device)
assert sum(parameter.numel() for parameter in model.parameters()) == 676258
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-4, eps=1e-7, fused=True)


def differentiate(x, y):
    mixed = torch.autocast(device, torch.bfloat16) if "mixed" in sys.argv else contextlib.nullcontext()
    with mixed:
        logits = model(x)
    loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), y)
    loss.backward()
    return loss


if "compile" in sys.argv:
    model = torch.compile(model)
if "graphs" in sys.argv:
    model = torch.compile(model, mode="reduce-overhead")

batch = int(sys.argv[1])
x = torch.from_numpy(np.random.default_rng(0).normal(size=(batch, 3, 4096)).astype(np.float32))
y = (torch.arange(batch) % 2).float()
for line in sys.stdin:
    steps = int(line)
    start = time.perf_counter()
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        value = differentiate(x.to(device), y.to(device))
        optimizer.step()
    value.item()
    if device == "cuda":
        torch.cuda.synchronize()
    print((time.perf_counter() - start) / steps, flush=True)
