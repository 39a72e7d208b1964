"""Writes k8s/base from the chart, for those without Helm: `python helm/render.py HELM`."""

import subprocess
import sys
from pathlib import Path

import yaml

CHART = Path(__file__).parent / "fashiontrend"
BASE = Path(__file__).parents[1] / "k8s" / "base"
MARK = "# Rendered from helm/fashiontrend and its ci/base-values.yaml by `make render`; lay overlays over it.\n"
HELM_ONLY = {"helm.sh/chart", "app.kubernetes.io/managed-by"}


def render(helm: str) -> dict[str, str]:
    """File name -> text: one file a kind, and the kustomization that lists them."""
    values = f"--values={CHART}/ci/base-values.yaml"
    command = [helm, "template", "fashiontrend", str(CHART), "--namespace=fashiontrend", values]
    command += ["--no-hooks", "--kube-version=1.36.0"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if told.returncode:
        sys.exit(told.stderr)
    kinds: dict[str, list[str]] = {}
    for item in yaml.safe_load_all(told.stdout):
        if item:
            labels = item["metadata"]["labels"]
            item["metadata"]["labels"] = {k: v for k, v in labels.items() if k not in HELM_ONLY}
            text = yaml.safe_dump(item, sort_keys=False, width=120, allow_unicode=True)
            kinds.setdefault(item["kind"].lower(), []).append(text)
    files = {f"{kind}.yaml": MARK + "---\n".join(texts) for kind, texts in sorted(kinds.items())}
    listed = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "fashiontrend",
        "resources": list(files),
    }
    return {"kustomization.yaml": MARK + yaml.safe_dump(listed, sort_keys=False), **files}


def main(helm: str) -> None:
    """Write what differs and remove what is no longer rendered."""
    files = render(helm)
    BASE.mkdir(parents=True, exist_ok=True)
    for path in BASE.glob("*.yaml"):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (BASE / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
