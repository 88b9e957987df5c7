"""`import torch` as this engine: the hook, `tinygrad-edu run`, --check and --profile."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import tinygrad_edu

ROOT = Path(tinygrad_edu.__file__).parents[1]


def start(tmp_path, text, *arguments, options=(), name="script.py", folder=None):
    """Run a script by the command, by its whole path or, from `folder`, by its relative path; (exit
    code, stdout, stderr).
    """
    path = tmp_path / name
    path.write_text(textwrap.dedent(text))
    given = str(path.relative_to(folder) if folder else path)
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_edu", "run", *options, given, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
    )
    return done.returncode, done.stdout, done.stderr


def python(text):
    """Run a text in a new process; its stdout."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


IMPORTS = """
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
import torch.optim.lr_scheduler as lr_scheduler
import torch.utils.data
import torch.utils.data.dataloader
import torch.utils.data.distributed
import torch.nn.parallel
import torch.backends.cudnn as cudnn
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.autograd.profiler as profiler
import torch.utils.checkpoint
import torch.onnx
import torchvision
import torchvision.transforms as transforms
from torch import nn, optim, Tensor
from torch.amp import GradScaler, autocast
from torch.autograd import Function, Variable
from torch.cuda.amp import autocast
from torch.jit import script
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import Conv2d
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils.rnn import pad_sequence
from torch.nn.modules.activation import MultiheadAttention
from torch.nn.modules.utils import _pair
from torch.optim.adamw import AdamW
from torch.random import fork_rng
from torch.serialization import safe_globals
from torch.utils.data.dataset import Dataset, random_split
from torch.utils.data.sampler import Sampler
from torchvision import datasets
from torchvision.utils import make_grid, save_image
"""


def test_a_script_sees_pytorchs_modules_its_arguments_and_its_own_name(tmp_path):
    code, out, err = start(
        tmp_path,
        IMPORTS
        + """
        import sys
        assert nn.modules.batchnorm._BatchNorm is _BatchNorm and nn.Conv2d is Conv2d
        assert _pair(3) == (3, 3) and nn.utils.clip_grad_norm_ and nn.modules.utils._pair is _pair
        assert torch.utils.data.dataloader.DataLoader is torch.utils.data.DataLoader
        assert tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 0)
        assert torchvision.__version__
        cudnn.benchmark = True
        print(__name__, sys.argv[1:], __file__ == sys.argv[0])
        """.replace("\n        ", "\n"),
        "--lr",
        "0.1",
    )
    assert (code, out) == (0, "__main__ ['--lr', '0.1'] True\n"), err


def test_the_scripts_exit_code_and_error_are_its_own(tmp_path):
    assert start(tmp_path, "import sys; sys.exit(7)")[0] == 7
    code, _, err = start(tmp_path, "raise SystemExit('that is all')")
    assert (code, err) == (1, "that is all\n")
    code, _, err = start(
        tmp_path,
        """
        import torch
        def f():
            return torch.ones(2) + torch.ones(3)
        f()
        """,
    )
    last = err[err.rindex("Traceback") :].splitlines()  # after that of the error that caused it
    assert code == 1 and 'script.py", line 5, in <module>' in last[1] and "line 4, in f" in last[3]
    assert last[-1].startswith("tinygrad_edu.engine.errors.ShapeError: add:")
    assert "runpy" not in err and "cli/run.py" not in err


def test_a_script_imports_modules_beside_it_with_the_same_torch(tmp_path):
    (tmp_path / "model.py").write_text("from torch import nn\nnet = nn.Linear(2, 3)\n")
    code, out, err = start(tmp_path, "import model; print(model.net)", name="main.py")
    assert (code, out.strip()) == (0, "Linear(in_features=2, out_features=3, bias=True)"), err


def test_a_missing_module_says_whether_it_is_left_out(tmp_path):
    code, _, err = start(tmp_path, "import torch.fft")
    assert code == 1 and "No module named 'torch.fft'" in err and "left out on purpose" in err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import torch.nn.quantized", "left out on purpose: quantised"),
        ("from torch.optim import Adan", "Did you mean 'Adam'?"),
        ("import torch; torch.nn.functional.rellu", "Did you mean 'relu'?"),
        ("import torch; torch.ones(2).relluu", "Did you mean 'relu'?"),
        ("import torch; torch.ones(2).zzz9", "Check the spelling."),
    ],
)
def test_a_missing_name_gets_a_reason_or_a_suggestion(tmp_path, line, words):
    code, _, err = start(tmp_path, line)
    assert code == 1 and words in err.splitlines()[-2] + err.splitlines()[-1]


def test_a_missing_name_of_another_module_is_shown_as_python_shows_it(tmp_path):
    code, _, err = start(tmp_path, "from math import foo")
    assert code == 1 and err.splitlines()[-1].startswith("ImportError: cannot import name 'foo'")


def test_dtypes_and_shapes_print_as_in_pytorch(tmp_path):
    code, out, err = start(
        tmp_path,
        """
        import torch
        x = torch.ones(2, 3, dtype=torch.float64)
        print(x.dtype, x.shape, x[0])
        print(f"{x.shape[:-1]} {torch.bfloat16} {torch.channels_last}")
        """,
    )
    assert out.splitlines() == [
        "torch.float64 torch.Size([2, 3]) tensor([1., 1., 1.], dtype=torch.float64)",
        "torch.Size([2]) torch.bfloat16 torch.channels_last",
    ], err


def test_a_python_that_the_script_starts_finds_torch_too(tmp_path):
    code, out, err = start(
        tmp_path,
        """
        import subprocess, sys
        program = "import torchvision, torch; print(torch.zeros(1).shape, torch.__name__)"
        subprocess.run([sys.executable, "-c", program], check=True, cwd="/")
        """,
    )
    assert (code, out) == (0, "torch.Size([1]) torch\n"), err


def test_install_can_be_taken_back_and_hides_nothing_before_or_after():
    said = python("""
        import sys
        import tinygrad_edu
        from tinygrad_edu import compat, nn
        assert "torch" not in sys.modules and not compat.is_installed()
        before = {*vars(nn)}
        compat.install_as_torch()
        compat.install_as_torch()
        import torch, torch.nn.modules.batchnorm
        assert torch.Tensor is tinygrad_edu.Tensor
        compat.uninstall()
        assert not [name for name in sys.modules if name.split(".")[0] in ("torch", "torchvision")]
        assert {*vars(nn)} == before
        import importlib.util
        spec = importlib.util.find_spec("torch")
        assert spec is None or "tinygrad_edu" not in str(spec.origin)
        print("taken back")
    """)
    assert said == "taken back\n"


def test_install_refuses_to_replace_a_pytorch_that_is_imported():
    said = python("""
        import sys, types
        sys.modules["torch.nn"] = types.ModuleType("torch.nn")
        from tinygrad_edu import compat
        try:
            compat.install_as_torch()
        except compat.CompatError as error:
            print(error)
        assert not compat.is_installed()
    """)
    assert "torch.nn" in said and "tinygrad-edu run" in said


def test_check_lists_names_and_which_are_missing_without_running_anything(tmp_path):
    (tmp_path / "model.py").write_text("import torch\nx = torch.sparse_csr_tensor\n")
    code, out, err = start(
        tmp_path,
        """
        import torch
        import torch.nn as nn
        from torch import fft
        import model
        print("ran")
        torch.backends.cudnn.benchmark = True
        nn.Linear(1, 1), nn.Linear(2, 2)
        """,
        options=["--check"],
    )
    assert code == 1 and "ran" not in out, err
    assert "in 2 files; 2 missing here" in out
    missing, here = out.split("\nhere\n")
    assert "torch.fft" in missing and "torch.sparse_csr_tensor  (model.py:2)" in missing
    assert "sparse tensors are not supported" in missing
    assert "torch.nn.Linear  (script.py:8, script.py:8)" in here
    code, out, _ = start(tmp_path, "import torch\nprint(torch.zeros(2))\n", options=["--check"])
    assert code == 0 and "none missing here" in out


def test_check_follows_other_names_and_stars_and_leaves_out_what_hasattr_asked_for(tmp_path):
    code, out, err = start(
        tmp_path,
        """
        import torch
        from torch.nn import *
        from torch.optim import Adan as A
        T = torch
        F = T.nn.functional
        F.relu, F.rellu, T.zeross
        Linear(1, 1)
        if hasattr(torch, "not_there"):
            torch.not_there(1)
        x = F.nor_there if hasattr(F, "nor_there") else None
        if hasattr(torch, "other"):
            torch.not_there_either

        def f(F):
            return F.anything
        """,
        options=["--check"],
    )
    missing, here = out.split("\nhere\n")
    wanted = {
        "torch.optim.Adan",
        "torch.nn.functional.rellu",
        "torch.zeross",
        "torch.not_there_either",
    }
    assert code == 1 and wanted == {w for w in missing.split() if w.startswith("torch.")}, err
    assert "torch.nn.functional.relu " in here and "torch.nn.Linear " in here


def test_check_names_a_file_that_is_not_python(tmp_path):
    code, _, err = start(tmp_path, "def", options=["--check"])
    assert code == 2 and "script.py" in err
    code, _, err = start(tmp_path, "print 'old'", options=["--check"])
    assert code == 2


@pytest.mark.parametrize("relative", [False, True])
def test_profile_says_where_the_time_went_by_op_and_line(tmp_path, relative):
    code, out, err = start(
        tmp_path,
        """
        import torch
        w = torch.ones(3, requires_grad=True)
        for _ in range(5):
            (w * 2).sum().backward()
        print("done")
        """,
        options=["--profile"],
        folder=tmp_path if relative else None,
    )
    assert (code, out) == (0, "done\n")
    assert "mul" in err and "script.py:5" in err


def test_a_script_that_is_not_there_is_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_edu", "run", "nowhere.py"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "nowhere.py" in done.stderr


HOGWILD = """
import numpy as np
import torch
import torch.multiprocessing as mp
import torch.nn as nn
from torchvision import transforms


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 1)


def train(rank, model, scale):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    model.fc(torch.ones(1, 3)).sum().mul(scale).backward()
    optimizer.step()


def main(method):
    mp.set_start_method(method, force=True)
    model = Net()
    model.fc.weight.data.fill_(1.0)
    model.fc.bias.data.fill_(0.0)
    model.share_memory()
    assert model.fc.weight.is_shared()
    processes = [mp.Process(target=train, args=(rank, model, 2.0)) for rank in range(2)]
    for p in processes:
        p.start()
        p.join()
        assert p.exitcode == 0
    print(method, model.fc.weight.tolist(), model.fc.bias.tolist())


if __name__ == "__main__":
    main("spawn")
    main("fork")
"""


def test_processes_of_a_script_find_the_engine_and_share_a_models_memory(tmp_path):
    code, out, err = start(tmp_path, HOGWILD)
    assert code == 0, err
    assert out.splitlines() == [f"{m} [[-1.0, -1.0, -1.0]] [-2.0]" for m in ("spawn", "fork")], err


def test_check_reads_a_script_in_the_encoding_that_it_names(tmp_path):
    for text in (
        b"\xef\xbb\xbfimport torch\n",
        b"# -*- coding: latin-1 -*-\nimport torch  # \xe9\n",
    ):
        (tmp_path / "odd.py").write_bytes(text)
        done = subprocess.run(
            [sys.executable, "-m", "tinygrad_edu", "run", "--check", str(tmp_path / "odd.py")],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_ctrl_c_shows_where_the_script_was_and_the_profile_so_far(tmp_path):
    text = """
        import torch
        torch.ones(3).exp()
        raise KeyboardInterrupt  # what Ctrl-C raises
    """
    code, out, err = start(tmp_path, text, options=("--profile",))
    assert code == 130 and "script.py" in err and "KeyboardInterrupt" in err
    assert "exp" in err and "saved" not in err
