"""Stored configurations that run code, read files or download when nothing guards them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_TRACKED = "dict(type='CameraMotionCompensation', warp_mode={!r})"
_SIZED = (
    "model = dict(type='RTMDet', backbone=dict(type='CSPNeXt', {}), neck=dict("
    "type='CSPNeXtPAFPN', in_channels=[256, 512, 1024], out_channels=8, num_csp_blocks={}), "
    "bbox_head=dict(type='RTMDetHead', num_classes=2, in_channels=8, feat_channels={}))"
)
_CLASSES = (
    "test_dataloader = dict(dataset=dict(metainfo=dict(classes={}), "
    "pipeline=[dict(type='LoadImageFromFile')]))\ntrain_dataloader = None"
)


@dataclass(frozen=True)
class Stored:
    """What is put after the configuration of a good checkpoint, and why it is refused: a part of
    the message, or nothing where it is left out of what is built, and so does no harm.

    `runs` says that it does run where the checkpoint is trusted. Without `has_classes` the
    checkpoint names no classes, so that the data set is asked for them. `instead` replaces one
    text of the configuration by another.
    """

    text: str
    why: str = ""
    runs: bool = False
    has_classes: bool = True
    instead: tuple[str, str] | None = None

    def within(self, configuration: str) -> str:
        """The whole text of the configuration."""
        if self.instead is not None:
            assert self.instead[0] in configuration
            configuration = configuration.replace(*self.instead)
        return f"{configuration}\n{self.text}\n"


def write_beside(folder: Path, canary: Path) -> None:
    """Write the files and modules that the configurations name: each makes the canary."""
    touch = f"open({str(canary)!r}, 'w').close()\n"
    (folder / "evil").mkdir(exist_ok=True)
    for name in ("__init__", "registry"):
        (folder / "evil" / f"{name}.py").write_text(touch, encoding="utf-8")
    for name in ("evil_module", "mc", "petrel_client", "teacher"):
        (folder / f"{name}.py").write_text(f"{touch}model = dict(type='RTMDet')\n", "utf-8")
    call = f"!!python/object/apply:os.system [\"touch '{canary}'\"]\n"
    (folder / "teacher.yaml").write_text(f"model: {call}", encoding="utf-8")
    (folder / "teacher.yml").write_text(f"model: {call}", encoding="utf-8")
    (folder / "teacher.json").write_text('{"_base_": "teacher.py", "model": {}}', encoding="utf-8")
    for name in ("teacher.pkl", "teacher.pth", "teacher"):
        (folder / name).write_bytes(f"cposix\nsystem\n(S'touch {canary}'\ntR.".encode())


def attacks(folder: Path, canary: Path) -> dict[str, Stored]:
    """Configurations by what they try; `folder` is where `write_beside` wrote."""
    python = f"open({str(canary)!r}, 'w').close()"
    teacher = (
        "model = dict(type='KnowledgeDistillationSingleStageDetector', "
        "backbone=dict(type='CSPNeXt'), neck=dict(type='CSPNeXtPAFPN', out_channels=8, "
        "in_channels=[256, 512, 1024]), bbox_head=dict(type='RTMDetHead', num_classes=2, "
        "in_channels=8, feat_channels=32), teacher_config={!r})"
    )
    evil = {
        "evaluated-text": Stored(
            "model['cmc'] = 1",
            "holds more than plain values",  # no statement but assignments
        ),
        "camera-motion": Stored(
            f"model = dict(type='StrongSORT', cmc={_TRACKED.format(python)})",
            "model.cmc.type names 'CameraMotionCompensation'",
            runs=True,
        ),
        "camera-motion-nested": Stored(
            "model = dict(type='RTMDet', backbone=dict(type='CSPNeXt'), neck=dict(type='CSPNeXtP"
            f"AFPN', conv_cfg={_TRACKED.format(python)}), bbox_head=dict(type='RTMDetHead'))",
            "model.neck.conv_cfg.type names 'CameraMotionCompensation'",
        ),
        "camera-motion-scoped": Stored(
            f"model = dict(type='StrongSORT', cmc=dict(type='mmdet.CameraMotionCompensation', "
            f"warp_mode={python!r}))",
            "model.cmc.type names 'mmdet.CameraMotionCompensation'",
            runs=True,
        ),
        "camera-motion-by-path": Stored(
            "model = dict(type='mmdet.models.task_modules.tracking.camera_motion_compensation."
            f"CameraMotionCompensation', warp_mode={python!r})",
            "model.type names 'mmdet.models.task_modules.tracking.camera_motion",
            runs=True,
        ),
        "endless-depth": Stored(
            _SIZED.format("deepen_factor=1e9", 1, 32),
            "a network that is far larger than its weights",
        ),
        "endless-width": Stored(
            _SIZED.format("", 1, 10_240), "a network that is far larger than its weights"
        ),
        "endless-blocks": Stored(
            _SIZED.format("", 10**9, 32), "has the number 1,000,000,000; the largest allowed"
        ),
        "many-blocks": Stored(
            _SIZED.format("", 10**6, 32), "a network that is far larger than its weights"
        ),
        "in-the-pipeline": Stored(
            f"test_pipeline = [{_TRACKED.format(python)}]\n"
            f"test_dataloader = dict(dataset=dict(pipeline=[{_TRACKED.format(python)}]))",
            "test_pipeline[0].type names 'CameraMotionCompensation'",
        ),
        "in-a-wrapped-transform": Stored(
            "test_dataloader = dict(dataset=dict(pipeline=[dict(type='RandomApply', transforms=["
            "dict(type='evil_module.transform')])]))",
            "test_pipeline[0].transforms[0].type names 'evil_module.transform'",
        ),
        "preprocessor": Stored(
            "data_preprocessor = dict(type='subprocess.getoutput', cmd='true')\n"
            "model = dict(type='RTMDet')",
            "model.data_preprocessor.type names 'subprocess.getoutput'",
        ),
        "download-of-a-language-model": Stored(
            "model = dict(type='BertModel', name='bert-base-uncased')", "names 'BertModel'"
        ),
        "language-model-of-a-folder": Stored(
            "model = dict(type='BertModel', name='teacher')", "model.type names 'BertModel'"
        ),
        "address-in-a-known-part": Stored(
            "model = dict(type='RTMDet', backbone=dict(type='CSPNeXt', arch='https://example.org'))",
            "model.backbone.arch is 'https://example.org'",
        ),
        "scope": Stored(
            "model = dict(type='RTMDet', backbone=dict(_scope_='evil', type='CSPNeXt'))",
            "model.backbone._scope_ is 'evil'",
        ),
        "default-scope": Stored("default_scope = 'evil'", "default_scope is 'evil'", runs=True),
        "scope-of-a-type": Stored("model = dict(type='evil.RTMDet')", "names 'evil.RTMDet'"),
        "custom-imports": Stored(
            "custom_imports = dict(imports=['evil'], allow_failed_imports=False)",
            "asks to import evil",
            runs=True,
        ),
        "custom-imports-of-one": Stored("custom_imports = dict(imports='evil')", "import evil"),
        "type-of-a-module": Stored("model = dict(type='evil_module')", "names 'evil_module'"),
        "type-of-exec": Stored("model = dict(type='builtins.exec')", "names 'builtins.exec'"),
        "type-of-system": Stored(
            f"model = dict(type='os.system', command=\"touch '{canary}'\")", "names 'os.system'"
        ),
        "type-of-a-loader": Stored(
            f"model = dict(type='mmengine.fileio.load', file={str(folder / 'teacher.pkl')!r})",
            "model.type names 'mmengine.fileio.load'",
            runs=True,
        ),
        "type-of-torch-load": Stored(
            f"model = dict(type='torch.load', f={str(folder / 'teacher.pth')!r}, weights_only=0)",
            "model.type names 'torch.load'",
            runs=True,
        ),
        "type-of-run-path": Stored(
            f"model = dict(type='runpy.run_path', path_name={str(folder / 'mc.py')!r})",
            "model.type names 'runpy.run_path'",
            runs=True,
        ),
        "type-without-quotes": Stored("model = dict(type=os.system)", "names 'os.system'"),
        "unpacked": Stored("model = {**dict(), 'type': 'RTMDet'}", "holds more than plain values"),
        "name-of-an-operator": Stored(
            "model = dict(type='RTMDet', test_cfg=dict(nms=dict(type=\"__import__('os').abort\")))",
            "model.test_cfg.nms.type names",
        ),
        "built-in-as-an-operator": Stored(
            "model = dict(type='RTMDet', test_cfg=dict(nms=dict(type='breakpoint')))",
            "model.test_cfg.nms.type names 'breakpoint'",
        ),
        "aflink": Stored(
            "model = dict(type='StrongSORT', postprocess_model=dict(type='AppearanceFreeLink', "
            f"checkpoint={str(folder / 'teacher.pth')!r}))",
            "model.postprocess_model.",
            runs=True,
        ),
        "detectron": Stored("model = dict(type='Detectron2Wrapper')", "Detectron2Wrapper"),
        "albumentations": Stored(
            "test_dataloader = dict(dataset=dict(pipeline=[dict(type='Albu', transforms=[])]))",
            "test_pipeline[0].type names 'Albu'",
        ),
        "data-set": Stored(
            "test_dataloader = dict(dataset=dict(type='evil_module.Set', "
            "pipeline=[dict(type='LoadImageFromFile')]))\ntrain_dataloader = None",
            "no class names",
            has_classes=False,
        ),
        "class-names-of-a-file": Stored(
            f"test_dataloader = dict(dataset=dict(metainfo=dict(classes={str(folder / 'mc.py')!r}),"
            " pipeline=[dict(type='LoadImageFromFile')]))\ntrain_dataloader = None",
            "no class names",
            has_classes=False,
        ),
        "client-of-a-backend": Stored(
            "",
            instead=(
                "backend_args=None",
                "backend_args=dict(backend='memcached', server_list_cfg='a', client_cfg='b', "
                f"sys_path={str(folder)!r})",
            ),
        ),
        "weights-of-a-file": Stored(
            "",
            instead=("https://nowhere.invalid/backbone.pth", str(folder / "teacher.pth")),
        ),
        "call": Stored(f"x = {python}", "holds more than plain values"),
        "import": Stored("import evil", "holds more than plain values"),
        "comprehension": Stored(f"x = [{python} for _ in (1,)]", "holds more than plain values"),
        "default-argument": Stored(f"x = lambda a={python}: a", "holds more than plain values"),
        "decorator": Stored(f"@{python}\ndef f(): pass", "holds more than plain values"),
        "formatted-text": Stored(f'x = f"{{{python}}}"', "holds more than plain values"),
        "nested-deeply": Stored(f"x = {'(' * 5000}{')' * 5000}", "cannot be read"),
        "key": Stored("model = dict({'type': 'RTMDet', 'a/b': 1})", "a key of model is 'a/b'"),
        "threshold-of-a-thousand-bits": Stored(
            "",
            "holds more than plain values",
            instead=("score_thr=0.05", f"score_thr={2**1024 - 1}"),
        ),
        "imports-of-a-number": Stored("custom_imports = dict(imports=5)", "asks to import 5"),
        "imports-of-nothing": Stored(
            "custom_imports = dict(imports=[None])", "asks to import None"
        ),
        "imports-in-lists": Stored("custom_imports = dict(imports=[['evil']])", "import ['evil']"),
        "imports-of-lines": Stored(
            "custom_imports = dict(imports='a\\n\\x1b[31m::error')", "import a\\n\\x1b[31m::error"
        ),
        "imports-of-a-megabyte": Stored(
            f"custom_imports = dict(imports={'a' * (1 << 20)!r})", "asks to import aaa"
        ),
        "class-names-of-a-long-path": Stored(
            _CLASSES.format(repr("a" * 5000)), "but there is 1 class name: aaa", has_classes=False
        ),
        "class-names-of-half-letters": Stored(
            _CLASSES.format(r"('\ud800', 'b')"), r"the name '\ud800', of a class", has_classes=False
        ),
        "escape-in-a-line": Stored("x = f('\x1b[31m')", r"x = f('\x1b[31m')"),
        "line-of-another-kind": Stored("x = 'a\x0cb'\ny = g()", "y = g()"),
        "chain-of-attributes": Stored("x = a" + ".a" * 100_000, "cannot be read"),
        "chain-of-signs": Stored("x = " + "-" * 5000 + "1", "cannot be read"),
        "type-in-a-list": Stored("model = dict(type=['RTMDet'])", "model.type names ['RTMDet']"),
        "type-of-a-number": Stored("model = dict(type=5)", "model.type names 5"),
        "type-of-nothing": Stored("model = dict(type=None)", "model.type names None"),
        "type-in-a-type": Stored("model = dict(type=dict(type='RTMDet'))", "model.type names {"),
        "type-of-an-attribute": Stored("model = dict(type='mmdet.__class__')", "mmdet.__class__"),
        "scope-in-a-list": Stored("default_scope = ['mmdet']", "default_scope is ['mmdet']"),
        "base-in-a-part": Stored(
            "model = dict(_base_='./teacher.py', type='RTMDet')", "model._base_ is './teacher.py'"
        ),
        "words-in-the-pipeline": Stored(
            "test_dataloader = dict(dataset=dict(pipeline=['LoadImageFromFile', 5, None]))",
            "the model cannot be built",
        ),
        # What is left out of what is built; the model is then as good as any.
        "never-built": Stored(
            f"visualizer = {_TRACKED.format(python)}\n"
            f"train_pipeline = [{_TRACKED.format(python)}]\n"
            f"custom_hooks = [dict(type='os.system', command='touch {canary}')]\n"
            "load_from = 'teacher.pth'\nresume = True\nwork_dir = '/'"
        ),
    }
    for suffix in (".py", ".yaml", ".yml", ".json", ".pkl", ".pth", ""):
        evil[f"teacher{suffix.replace('.', '-')}"] = Stored(
            teacher.format(str(folder / f"teacher{suffix}")),
            "model.type names 'KnowledgeDistillation",
            runs=suffix in (".py", ".yaml", ".yml"),
        )
    return evil
