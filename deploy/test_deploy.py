#!/usr/bin/env python3
"""Tests what deploys the service: manifests, compose file and bill of materials against their schemas, and all of them, with
the Dockerfiles, against the program and each other. Starts no container and needs no network, only the packages of
.ci/requirements.txt.
"""

import json
import re
import shutil
import subprocess
import tomllib
import unittest
from importlib.resources import files
from pathlib import Path

import jsonschema
import kubernetes_validate
import referencing
import referencing.jsonschema
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
COMPOSE = REPOSITORY / "deploy" / "compose.yaml"
KUBERNETES = REPOSITORY / "deploy" / "kubernetes"
VARIANTS = ("cpu", "gpu")
DOCKERFILES = (REPOSITORY / "Dockerfile", REPOSITORY / "Dockerfile.cuda")

# The oldest Kubernetes that has switched on all that the manifests ask for (preStop.sleep), and the newest known here.
KUBERNETES_VERSIONS = ("1.30", "1.37")
# From the first sign of shutdown until connections are closed: `drain_delay_ms` of src/config.rs, rounded up.
DRAIN_DELAY_SECONDS = 1
CARGO = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())["workspace"]["package"]


def load(path: Path) -> dict:
    return yaml.safe_load(path.read_text())


def pod(variant: str) -> dict:
    return load(KUBERNETES / variant / "deployment.yaml")["spec"]["template"]["spec"]


class Schemas(unittest.TestCase):
    def check_manifest(self, manifest: dict, source: str) -> None:
        for version in KUBERNETES_VERSIONS:
            with self.subTest(source, kind=manifest["kind"], version=version):
                kubernetes_validate.validate(manifest, version, strict=True)

    def test_manifests_by_themselves(self) -> None:
        for variant in VARIANTS:
            for path in sorted((KUBERNETES / variant).glob("*.yaml")):
                if path.name != "kustomization.yaml":
                    self.check_manifest(load(path), str(path))

    @unittest.skipUnless(shutil.which("kubectl"), "kubectl is needed to put manifests together")
    def test_manifests_put_together(self) -> None:
        for variant in VARIANTS:
            built = subprocess.check_output(["kubectl", "kustomize", KUBERNETES / variant], text=True)
            for manifest in yaml.safe_load_all(built):
                self.check_manifest(manifest, variant)

    def test_compose_file(self) -> None:
        schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
        jsonschema.validate(load(COMPOSE), schema)

    def test_bill_of_materials(self) -> None:
        folder = files("cyclonedx.schema") / "_res"
        schema, *others = (
            json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text()) for name in ("bom-1.6", "spdx", "jsf-0.82")
        )
        registry = referencing.Registry().with_contents(
            [(other["$id"], other) for other in others],
            default_specification=referencing.jsonschema.DRAFT7,
        )
        bill = json.loads(subprocess.check_output([REPOSITORY / "scripts" / "sbom"]))
        jsonschema.Draft7Validator(schema, registry=registry).validate(bill)
        references = {component["bom-ref"] for component in [bill["metadata"]["component"], *bill["components"]]}
        self.assertEqual({used for user in bill["dependencies"] for used in user["dependsOn"]} - references, set())
        names = {reference.split("@")[0] for reference in references}
        self.assertLess({"pkg:cargo/portcullis", "pkg:cargo/tonic", "model/default"}, names)


class Agreement(unittest.TestCase):
    def test_the_program_knows_every_setting(self) -> None:
        known = set()
        for source in (REPOSITORY / "src").rglob("*.rs"):
            known |= set(re.findall(r'env = "(PORTCULLIS_[A-Z_]+)"', source.read_text()))
        self.assertTrue(known)
        for path in [*DOCKERFILES, *(REPOSITORY / "deploy").rglob("*.yaml"), REPOSITORY / "docs" / "DEPLOYMENT.md"]:
            with self.subTest(path):
                self.assertLessEqual(set(re.findall(r"\bPORTCULLIS_[A-Z_]+\b", path.read_text())), known)

    def test_shutdown_leaves_time_for_the_drain(self) -> None:
        [generated] = load(KUBERNETES / "cpu" / "kustomization.yaml")["configMapGenerator"]
        settings = dict(literal.split("=", 1) for literal in generated["literals"])
        drain_seconds = int(settings["PORTCULLIS_DRAIN_TIMEOUT_MS"]) / 1000 + DRAIN_DELAY_SECONDS
        before_seconds = pod("cpu")["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        self.assertGreater(pod("cpu")["terminationGracePeriodSeconds"], before_seconds + drain_seconds)

        service = load(COMPOSE)["services"]["portcullis"]
        drain_seconds = int(service["environment"]["PORTCULLIS_DRAIN_TIMEOUT_MS"]) / 1000 + DRAIN_DELAY_SECONDS
        self.assertGreater(int(service["stop_grace_period"].removesuffix("s")), drain_seconds)

    def test_images_and_manifests_agree(self) -> None:
        security, [container] = pod("cpu")["securityContext"], pod("cpu")["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        port, metrics_port = ports["grpc"], ports["metrics"]
        annotations = load(KUBERNETES / "cpu" / "deployment.yaml")["spec"]["template"]["metadata"]["annotations"]
        self.assertEqual(annotations["prometheus.io/port"], str(metrics_port))
        probes = [container[name]["grpc"]["port"] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
        self.assertEqual(probes, [port] * 3)
        for dockerfile in map(Path.read_text, DOCKERFILES):
            self.assertIn(f"USER {security['runAsUser']}:{security['runAsGroup']}\n", dockerfile)
            self.assertIn(f"PORTCULLIS_LISTEN=0.0.0.0:{port}", dockerfile)
            self.assertIn(f"PORTCULLIS_METRICS_LISTEN=0.0.0.0:{metrics_port}", dockerfile)
            self.assertIn(f"EXPOSE {port} {metrics_port}\n", dockerfile)
        for variant in VARIANTS:
            [image] = load(KUBERNETES / variant / "kustomization.yaml")["images"]
            self.assertEqual(image["newTag"], CARGO["version"])

    def test_the_autoscaler_asks_for_a_metric_that_there_is(self) -> None:
        [metric] = load(KUBERNETES / "cpu" / "horizontal-pod-autoscaler.yaml")["spec"]["metrics"]
        name = metric["pods"]["metric"]["name"]
        self.assertIn(f"`{name}`", (REPOSITORY / "docs" / "OPERATIONS.md").read_text())
        [rule] = load(KUBERNETES / "prometheus-adapter-rules.yaml")["rules"]
        self.assertEqual(rule["name"]["as"], name)
        self.assertTrue(rule["seriesQuery"].startswith(f"{name}{{"))

    def test_images_are_pinned_by_digest_and_alike(self) -> None:
        cpu, cuda = (re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", path.read_text(), re.MULTILINE) for path in DOCKERFILES)
        self.assertEqual(cpu, cuda)
        for _, image in cpu:
            self.assertRegex(image, r"@sha256:[0-9a-f]{64}$")
        self.assertIn(f"/rust:{CARGO['rust-version']}.", dict(cpu)["RUST_IMAGE"])

    def test_the_patch_for_gpus_changes_the_same_pods(self) -> None:
        cpu, gpu = (load(KUBERNETES / variant / "deployment.yaml") for variant in VARIANTS)
        self.assertEqual(cpu["metadata"]["name"], gpu["metadata"]["name"])
        self.assertEqual(cpu["spec"]["selector"], gpu["spec"]["selector"])
        self.assertEqual(pod("cpu")["containers"][0]["name"], pod("gpu")["containers"][0]["name"])


if __name__ == "__main__":
    unittest.main()
