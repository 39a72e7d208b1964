"""JSON Schemas for kubeconform, from the modules that define the kinds; kept outside the repository.

`python -m tests.deploy.schemas FOLDER` needs Go and a module proxy. KUBERAY_CRDS names a folder
with KubeRay's CRDs (`ray.io_*.yaml` of its chart's folder `crds`); without it they come from KubeRay's module,
which not every proxy serves.
"""

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

#: Kubernetes versions that the chart promises, each by a release whose module is published.
KUBERNETES = {"1.33": "v1.33.13", "1.34": "v1.34.4", "1.35": "v1.35.4", "1.36": "v1.36.3"}
CRDS = {
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": "example/prometheus-operator-crd",
    "sigs.k8s.io/gateway-api@v1.4.1": "config/crd/standard",
}
KUBERAY = {"github.com/ray-project/kuberay/ray-operator@v1.7.0": "config/crd/bases"}
DEFS = "#/definitions/"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"


class Loader(yaml.SafeLoader):
    """CRDs hold a bare `=`, which YAML 1.1 gives a meaning that nobody wants."""


Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: node.value)


def module(name: str) -> Path:
    """Folder of a Go module, downloaded if it is not there yet."""
    command = ["go", "mod", "download", "-json", name]
    if not shutil.which("go"):
        sys.exit(f"go is not here: it downloads {name}, whose schemas the chart is checked with.")
    told = subprocess.run(command, capture_output=True, text=True, cwd="/")
    answer = json.loads(told.stdout or "{}")
    if "Dir" not in answer:
        seen = answer.get("Error", told.stderr).strip()
        sys.exit(f"{' '.join(command)}: {seen}\n{_instead(name)}")
    return Path(answer["Dir"])


def _instead(name: str) -> str:
    """What to do where the module cannot be had."""
    if name in KUBERAY:
        return (
            "Set KUBERAY_CRDS to a folder with ray.io_*.yaml: `helm pull kuberay/kuberay-operator --version 1.7.0 "
            "--untar` leaves them in kuberay-operator/crds."
        )
    return "Name a proxy that serves it in GOPROXY, or copy the folder of schemas from a machine that has it."


def strict(node: Any) -> Any:
    """A copy in which an object with known properties has no others, and descriptions are gone."""
    if isinstance(node, list):
        return [strict(n) for n in node]
    if not isinstance(node, dict):
        return node
    if node.get("x-kubernetes-int-or-string") or node.get("format") == "int-or-string":
        return {"oneOf": [{"type": "string"}, {"type": "integer"}]}
    kept = {}
    for key, value in node.items():
        if key == "properties":
            kept[key] = {n: strict(v) for n, v in value.items()}
        elif key not in ("description", "default") and not key.startswith("x-kubernetes-"):
            kept[key] = strict(value)
    loose = node.get("x-kubernetes-preserve-unknown-fields")
    if "properties" in node and "additionalProperties" not in node and not loose:
        kept["additionalProperties"] = False
    return kept


def write(folder: Path, kind: str, group: str, version: str, schema: dict[str, Any]) -> None:
    """One file a kind, as `{{ .ResourceKind }}{{ .KindSuffix }}.json` finds it."""
    suffix = "-".join(x for x in (group.split(".")[0], version) if x)
    (folder / f"{kind}-{suffix}.json".lower()).write_text(json.dumps(schema), "utf-8")


def kubernetes(source: Path, folder: Path) -> None:
    """Every kind of an OpenAPI document, each with the definitions that it reaches."""
    definitions = json.loads(source.read_text("utf-8"))["definitions"]
    plain = {name: strict(d) for name, d in definitions.items()}
    plain[QUANTITY] = {"oneOf": [{"type": "string"}, {"type": "number"}]}
    plain[INT_OR_STRING] = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
    folder.mkdir(parents=True, exist_ok=True)
    for name, definition in definitions.items():
        kinds = definition.get("x-kubernetes-group-version-kind", [])
        if len(kinds) != 1 or "properties" not in definition:
            continue
        reached = reach(plain, name)
        schema = copy.deepcopy(plain[name])
        schema["definitions"] = {n: plain[n] for n in reached}
        gvk = kinds[0]
        for key, value in (("apiVersion", "version"), ("kind", "kind")):
            if key in schema["properties"]:
                group = f"{gvk['group']}/" if gvk["group"] and key == "apiVersion" else ""
                schema["properties"][key] = {"enum": [group + gvk[value]]}
        write(folder, gvk["kind"], gvk["group"], gvk["version"], schema)


def reach(definitions: dict[str, Any], name: str) -> set[str]:
    """Names of all definitions that one refers to."""
    found: set[str] = set()
    todo = [name]
    while todo:
        text = json.dumps(definitions[todo.pop()])
        for part in text.split(f'"{DEFS}')[1:]:
            other = part.split('"', 1)[0]
            if other not in found:
                found.add(other)
                todo.append(other)
    return found


def custom(source: Path, folder: Path) -> None:
    """Every served version of the CRDs in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    meta = {"type": "object"}
    for path in sorted(source.glob("*.yaml")):
        for crd in yaml.load_all(path.read_text("utf-8"), Loader):
            if not crd or crd.get("kind") != "CustomResourceDefinition":
                continue
            for version in crd["spec"]["versions"]:
                schema = strict(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = meta
                names, group = crd["spec"]["names"], crd["spec"]["group"]
                write(folder, names["kind"], group, version["name"], schema)


def crd_folders() -> list[Path]:
    """Folders with the CRDs of every kind beyond Kubernetes' own that the chart uses."""
    named = os.environ.get("KUBERAY_CRDS")
    sources = [module(name) / path for name, path in CRDS.items()]
    sources += [Path(named)] if named else [module(n) / path for n, path in KUBERAY.items()]
    for source in sources:
        if not list(source.glob("*.yaml")):
            sys.exit(f"{source} holds no CRDs: set KUBERAY_CRDS to a folder with ray.io_*.yaml.")
    return sources


def main(target: Path) -> None:
    """Fill the folder; versions that are there already stay."""
    for minor, version in KUBERNETES.items():
        folder = target / f"v{minor}.0-standalone-strict"
        if not folder.exists():
            source = module(f"k8s.io/kubernetes@{version}") / "api/openapi-spec/swagger.json"
            kubernetes(source, folder)
    for source in crd_folders():
        custom(source, target / "crds")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
