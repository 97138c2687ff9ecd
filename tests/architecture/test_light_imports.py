"""Does importing the analyses load only what every analysis needs?"""

import json
import subprocess
import sys

import pytest

HEAVY = ["scipy.stats", "matplotlib", "lifelines", "pandas", "numba", "pyarrow", "duckdb"]


def loaded_after(code: str) -> list[str]:
    script = f"import sys, json\n{code}\nprint(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded: list[str] = json.loads(done.stdout)
    return loaded


def test_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import blinreg.analyses") == []


def test_naming_every_function_loads_nothing_heavy() -> None:
    code = "import blinreg.analyses as a\nassert all(callable(getattr(a, name)) for name in a.__all__)"
    assert loaded_after(code) == []


@pytest.mark.parametrize("first", ["mantel_byar", "log_rank", "blinreg.analyses.log_rank"])
def test_a_function_is_not_hidden_by_its_module(first: str) -> None:
    """Each function has its module's name; whatever is loaded first, the name means the function."""
    begin = f"import {first}" if "." in first else f"from blinreg.analyses import {first}"
    both = "from blinreg.analyses import log_rank, mantel_byar\nassert callable(log_rank) and callable(mantel_byar)"
    code = f"{begin}\n{both}"
    assert "matplotlib" not in loaded_after(code)


def test_an_unknown_name_is_an_attribute_error() -> None:
    import blinreg.analyses

    with pytest.raises(AttributeError, match="has no attribute 'cocks'"):
        getattr(blinreg.analyses, "cocks")  # noqa: B009 - a name no checker would let through
    assert set(blinreg.analyses.__all__) <= set(dir(blinreg.analyses))
