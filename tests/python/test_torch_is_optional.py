"""hogvec without PyTorch, or before anybody asked for it."""

import subprocess
import sys


def test_only_the_modules_import_pytorch() -> None:
    code = "import sys, hogvec; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_the_modules_say_what_to_install_where_pytorch_is_missing() -> None:
    code = "import sys; sys.modules['torch'] = None; import hogvec.torch"
    result = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.endswith("ImportError: hogvec.torch needs PyTorch: pip install 'hogvec[torch]'\n")
