#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Kubernetes manifests satisfy the API's own schemas, name each other rightly and ask for no more than they say."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from rig import Report, check, equal  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUPPORT = ROOT / "tests/support"
MODULES = ROOT / "build/manifests"
MANIFESTS = sorted((ROOT / "packaging/kubernetes").glob("*.yaml"))


def read(*files):
    done = subprocess.run([shutil.which("node"), SUPPORT / "manifests/check.js", MODULES, *files], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


with Report("manifests") as report:
    with report.case("the schemas are there", fatal=True):
        subprocess.run([SUPPORT / "npm-install", SUPPORT / "manifests", MODULES], check=True, stdout=subprocess.DEVNULL)
    documents = read(*MANIFESTS)
    for document in documents:
        with report.case(f"{document['kind']} {document['name']} is valid"):
            equal(document["error"], None, "what the schema says")
    with report.case("the check can say no"):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as wrong:
            wrong.write((ROOT / "packaging/kubernetes/daemonset.yaml").read_text().replace("hostPID: true", "hostPID: maybe"))
            wrong.flush()
            check(read(wrong.name)[0]["error"], "a broken DaemonSet passed")
    by_kind = {}
    for document in documents:
        by_kind.setdefault(document["kind"], {})[document["name"]] = document["value"]
    pod = by_kind["DaemonSet"]["egresswarden-agent"]["spec"]["template"]["spec"]
    with report.case("names meet: service account, role, config maps"):
        check(pod["serviceAccountName"] in by_kind["ServiceAccount"], "service account")
        check(by_kind["ClusterRoleBinding"]["egresswarden-agent"]["roleRef"]["name"] in by_kind["ClusterRole"], "role")
        maps = [volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume]
        equal([name for name in maps if name not in by_kind["ConfigMap"]], [], "config maps that do not exist")
        mounts = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
        equal(mounts, {volume["name"] for volume in pod["volumes"]}, "mounts and volumes")
    with report.case("the agent is not privileged and may only read pods"):
        context = pod["containers"][0]["securityContext"]
        equal((context["privileged"], context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"], context["capabilities"]["drop"]), (False, False, True, ["ALL"]), "security context")
        equal({verb for rule in by_kind["ClusterRole"]["egresswarden-agent"]["rules"] for verb in rule["verbs"]}, {"get", "list", "watch"}, "verbs")
