"""What code does harm with, and what is known to do none: the tables of `known_parts`."""

from __future__ import annotations

BUILTINS = {"eval", "exec", "compile", "open", "__import__", "breakpoint", "globals", "vars"}
BUILTINS |= {"__builtins__", "__loader__", "__spec__"}
# Attributes that nothing a detector is made of has for a good reason.
ATTRIBUTES = {
    *("exec", "system", "popen", "spawn", "Popen", "check_output", "check_call", "fork", "run"),
    *("import_module", "load_module", "exec_module", "run_path", "run_module", "load_library"),
    *("load_inline", "load_ext", "load", "loads", "load_from_json", "from_file", "fromfile"),
    *("fromstring", "from_pretrained", "from_url", "hub", "load_url", "load_state_dict_from_url"),
    *("load_checkpoint", "load_from_checkpoint", "load_from_http", "urlopen", "urlretrieve"),
    *("download", "request", "open", "read_text", "read_bytes", "get_text", "get_local_path"),
    *("imread", "imwrite", "imreadmulti", "VideoCapture", "VideoWriter", "FileStorage"),
    *("CascadeClassifier", "readNet", "save", "savez", "savez_compressed", "savetxt", "tofile"),
    *("memmap", "loadtxt", "genfromtxt", "fromregex", "write_text", "write_bytes", "dump", "dumps"),
    *("unlink", "rmtree", "makedirs", "mkdir", "rmdir", "connect", "cpp_extension", "package"),
    *("__globals__", "__builtins__", "__subclasses__", "f_globals", "attrgetter", "methodcaller"),
    *("get_object_from_string", "read_csv", "FileHandler", "basicConfig", "fileConfig", "rpc"),
    *("init_process_group", "collect_results", "all_gather_object"),
}
# Packages whose functions compute and do nothing else, unless they are named above.
COMPUTING = {
    *("torch", "torchvision", "numpy", "cv2", "math", "scipy", "random", "sklearn", "lap"),
    *("typing", "typing_extensions", "functools", "itertools", "collections", "abc", "enum"),
    *("copy", "warnings", "numbers", "operator", "contextlib", "dataclasses", "inspect", "re"),
    *("logging", "time", "weakref", "packaging", "pycocotools", "types", "PIL", "regex", "addict"),
    *("six", "skimage", "fairscale", "shapely", "einops"),
    *("torch_npu", "torch_mlu", "torch_musa", "parrots"),  # devices that are elsewhere
}
FILES = ("mmengine.fileio", "mmengine.hub", "mmengine.runner")
NOT_COMPUTING = (
    *("scipy.io", "torch.classes", "torch.hub", "torch.utils.model_zoo", "cv2.dnn", "cv2.samples"),
)
# Modules in which parts look a name up that a configuration gives them, which the gate checks.
LOOKED_INTO = ("mmcv.ops",)
HARMLESS = ("os.path.join", "os.path.basename", "os.path.splitext", "os.sep", "sys.version_info")

# Where following stops, and why.
TRUSTED = {
    "mmengine.registry": "looks names up, which the gate checks",
    "mmengine.logging": "writes messages to the log that is there",
    "mmengine.model.base_module.BaseModule": "loads what init_cfg names, which the gate removes",
    "mmengine.config.config.ConfigDict": "a dictionary of values that are there",
    "mmengine.utils.dl_utils.parrots_wrapper": "asks which build of torch this is",
    "mmengine.utils.version_utils": "compares versions",
    "mmengine.utils.manager": "counts instances by name",
    "mmcv.image.colorspace": "looks up conversions of colours in cv2, by constant names",
    "mmcv.utils.ext_loader": "imports the compiled operators of mmcv, by a constant name",
    "mmcv.ops.nms.batched_nms": "evaluates the name of an operator, which the gate checks",
    "mmcv.transforms.loading.LoadImageFromFile": "reads the image, from bytes that the gate has "
    "read; its backend_args are removed",
    "torch.nn.modules.module.Module": "the base of all",
}
