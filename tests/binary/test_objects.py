"""The laws of the kernel objects, read from what the compiler made: a faster instruction stays in its namespace.

An inline function of the standard library that is compiled with AVX in one object may be the copy the linker keeps for
all of them; the program then dies on an older processor long before it dispatches anything.
"""

from __future__ import annotations

import re

import pytest
from binary_tools import Core, Instruction

FASTER_OBJECTS = re.compile(r"kernels_avx\w+\.cpp\.o")
# Functions of hogvec::avx2 and hogvec::avx512: members, their lambdas, internal ones.
FASTER_NAMESPACE = re.compile(r"_ZZ*N[VKRO]*6hogvec(4avx2|6avx512)")

# What no x86-64 of 2003 has. tzcnt is missing on purpose: it is how `rep bsf`, which runs everywhere, is shown.
BEYOND_BASELINE = re.compile(
    r"""v(?!err|erw)\w+                                                        # everything VEX or EVEX of SSE's family
      | k(add|and|andn|mov|not|or|ortest|shiftl|shiftr|test|unpck|xnor|xor)[bwdq]\w?  # masks
      | (andn|bextr|blsi|blsmsk|blsr|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx)[lq]?    # BMI 1 and 2
      | (lzcnt|popcnt|movbe|crc32|adcx|adox)[bwlq]?
      | h(add|sub)p[sd] | addsubp[sd] | mov(d|sh|sl)dup | lddqu               # SSE3
      | pshufb | ph(add|sub)\w+ | pmaddubsw | pmulhrsw | psign[bwd] | pabs[bwd] | palignr   # SSSE3
      | pblend\w+ | blend\w+ | round[ps][sd] | dpp[sd] | insertps | extractps | pinsr[bdq] | pextr[bdq]  # SSE4.1
      | pmov[sz]x\w+ | pm(in|ax)(sb|sd|uw|ud) | pmuldq | pmulld | ptest | pcmp[eg][qt]q | packusdw | mpsadbw
      | phminposuw | movntdqa | pcmp[ei]str[im]                               # SSE4.2
      | aes\w+ | pclmul\w+ | sha(1|256)\w+""",
    re.VERBOSE,
)
AVX512_OPERANDS = re.compile(r"%zmm|%k[0-7]|%[xy]mm(1[6-9]|2\d|3[01])")


def is_beyond_baseline(instruction: Instruction) -> bool:
    return BEYOND_BASELINE.fullmatch(instruction.mnemonic) is not None or "%ymm" in instruction.operands


def report(violations: list[object]) -> str:
    return "\n".join(sorted({str(violation) for violation in violations})[:20])


def test_the_faster_namespaces_hold_the_instructions_they_are_named_for(core: Core) -> None:
    # Without this, a disassembly that nobody understands any more would pass all the others.
    widest = {"avx2": "%ymm", "avx512": "%zmm"}
    for name, register in widest.items():
        inside = [i for i in core.instructions if re.match(rf"_ZZ*N[VKRO]*6hogvec{len(name)}{name}", i.function)]
        assert sum(register in i.operands and i.mnemonic.startswith("vf") for i in inside) > 10, name


def test_no_function_outside_the_faster_namespaces_needs_more_than_the_baseline(core: Core) -> None:
    outside = (i for i in core.instructions if not FASTER_NAMESPACE.match(i.function))
    violations = [i for i in outside if is_beyond_baseline(i)]
    assert not violations, report(violations)


def test_the_avx2_namespace_holds_no_avx512_instruction(core: Core) -> None:
    inside = (i for i in core.instructions if re.match(r"_ZZ*N[VKRO]*6hogvec4avx2", i.function))
    violations = [i for i in inside if AVX512_OPERANDS.search(i.operands)]
    assert not violations, report(violations)


def test_faster_kernel_objects_define_no_weak_symbol(core: Core) -> None:
    violations = [s for s in core.symbols if FASTER_OBJECTS.fullmatch(s.object) and s.kind in "WwVvu"]
    assert not violations, report(violations)


def test_kernel_objects_have_no_static_initialiser(core: Core) -> None:
    kernels = [section for section in core.sections if section[0].startswith("kernels_")]
    assert kernels
    violations = [f"{member}: {name}" for member, name in kernels if re.match(r"\.(init|fini)_array|\.[cd]tors", name)]
    assert not violations, report(violations)


@pytest.mark.parametrize("sample", ["vaddps", "vzeroupper", "kmovw", "shlxq", "andnl", "popcntq", "pshufb", "roundss"])
def test_an_instruction_of_a_later_processor_is_recognised(sample: str) -> None:
    assert BEYOND_BASELINE.fullmatch(sample)


@pytest.mark.parametrize("sample", ["addps", "mulss", "verr", "andl", "shlq", "pminub", "pmaxsw", "pinsrw", "tzcnt"])
def test_an_instruction_of_the_first_x86_64_passes(sample: str) -> None:
    assert not BEYOND_BASELINE.fullmatch(sample)
