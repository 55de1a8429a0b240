"""Kernels inside kernels: kept as LLVM's code, and made machine code only within what Python calls.

numba makes a whole library of every function: machine code, and wrappers that unpack its arguments for Python and C. A
kernel is linked into all that call it, and optimised there once more, so the library of one that only kernels call is
never used; to make them all took two fifths of a first compilation. Here a kernel has two faces: called from Python it
is numba's own, called from another kernel it is an :class:`Ingredient`.

This reaches into numba's compiler, which may change: under versions that :func:`is_known` does not know, kernels are
numba's own throughout, where compiling takes longer and the results are the same.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numba
from numba.core import compiler
from numba.core.caching import CompileResultCacheImpl
from numba.core.codegen import JITCodeLibrary, ll
from numba.core.registry import CPUDispatcher
from numba.core.sigutils import normalize_signature

from bayes_mirglmm.kernels.cache import KernelCache, cache_of

KNOWN = ("0.68.",)  # versions of numba
Result: Any = compiler.CompileResult


class Ingredient(JITCodeLibrary):
    """The code of a kernel, and of all that it calls, for its callers."""

    def finalize(self) -> None:
        """Link what it calls, and optimise so far that calls of small functions disappear."""
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        codegen = self._codegen
        passes, builder = codegen._module_pass_manager(
            loop_vectorize=codegen._loopvect, slp_vectorize=False, opt=codegen._opt_level, cost="cheap"
        )
        passes.run(self._final_module, builder)
        self._done()

    def serialize_using_object_code(self) -> tuple[str, str, bytes]:
        """Return what goes to disk; there is no object code."""
        return self.serialize_using_bitcode()

    @classmethod
    def read(cls, codegen: Any, name: str, code: bytes) -> "Ingredient":
        """Make one of what came from disk."""
        self = cls(codegen, name)
        self._final_module = ll.parse_bitcode(code)
        self._done()
        return self

    def _done(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


class _IngredientCompiler(compiler.Compiler):
    """numba's compiler, which stops before machine code."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        state = self.state
        state.flags.no_compile = True
        state.library = Ingredient(state.targetctx.codegen(), func.__qualname__)
        found: Any = super().compile_extra(func)
        found.library._ensure_finalized()
        found = found._replace(entry_point=_key(found.fndesc))
        state.targetctx.insert_user_function(found.entry_point, found.fndesc, [found.library])
        return found


def _key(descriptor: Any) -> tuple[str, str]:
    """Under what numba finds the function when it is called; else that is the machine code."""
    return ("ingredient", descriptor.mangled_name)


class _IngredientFiles(CompileResultCacheImpl):
    def rebuild(self, target_context: Any, payload: tuple[Any, ...]) -> Any:
        (name, _, code), descriptor, environment, signature, objectmode, lifted, annotation, reload, found = (
            payload
        )
        return Result(
            target_context=target_context,
            typing_context=target_context.typing_context,
            library=Ingredient.read(target_context.codegen(), name, code),
            environment=environment,
            entry_point=_key(descriptor),
            fndesc=descriptor,
            type_annotation=annotation,
            signature=signature,
            objectmode=objectmode,
            lifted=lifted,
            typing_error=None,
            call_helper=None,
            metadata=None,
            reload_init=reload,
            referenced_envs=found,
        )


class IngredientCache(KernelCache):
    """The files of ingredients, beside those of machine code."""

    _impl_class: Any = _IngredientFiles
    kind = ".ingredient"


class _Inner(CPUDispatcher):
    """What kernels see of a kernel."""

    def add_overload(self, cres: Any) -> None:
        """Take what was compiled; there is nothing that Python could call."""
        self.overloads[tuple(cres.signature.args)] = cres


class Kernel(CPUDispatcher):
    """What Python sees of a kernel."""

    def __init__(
        self, py_func: Callable[..., Any], locals: Any = None, targetoptions: Any = None, **rest: Any
    ) -> None:
        super().__init__(py_func, locals, (targetoptions or {}) | {"no_cfunc_wrapper": True}, **rest)

    @cached_property
    def inner(self) -> Any:
        """The same for other kernels."""
        options = self.targetoptions | {"no_cpython_wrapper": True}
        inner: Any = _Inner(self.py_func, targetoptions=options, pipeline_class=_IngredientCompiler)
        inner._cache = cache_of(self.py_func, IngredientCache)
        return inner

    def compile(self, sig: Any) -> Any:
        """Compile, and say where the environments of ingredients are, as numba does for what it compiles alone."""
        entry = super().compile(sig)
        found: Any = self.overloads[tuple(normalize_signature(sig)[0])]
        for environment in found._find_referenced_environments():
            found.library.codegen.set_env(environment.env_name, environment)
        return entry

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Return how another kernel calls this one."""
        return self.inner.get_call_template(args, kws)

    def get_overload(self, sig: Any) -> Any:
        """Return under what numba finds it then."""
        return self.inner.get_overload(sig)


def is_known() -> bool:
    """Tell whether the numba that is installed can be asked for ingredients."""
    return numba.__version__.startswith(KNOWN)
