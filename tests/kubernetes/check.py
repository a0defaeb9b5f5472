"""Checks deploy/kubernetes: the chart, rendered by Helm with several values, against the schemas of Kubernetes, the
"restricted" pod security standard, and the program itself; the plain manifest against the chart.

    check.py --helm HELM --program PROGRAM [--write]

`--write` writes the plain manifest instead of comparing it.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy/kubernetes"
CHART = DEPLOY / "chart"
VALUES = sorted((Path(__file__).parent / "values").glob("*.yaml"))
ALERTS = ROOT / "deploy/prometheus/alerts.yaml"
# The oldest that the chart takes, one between, the newest that there is a schema for.
KUBERNETES = ["1.27", "1.32", "1.37"]
OPERATOR = "monitoring.coreos.com/v1"
NAME, NAMESPACE = "uipath-audit-exporter", "uipath-audit"
# Only Helm has a use for these.
OF_HELM = re.compile(r" +(helm\.sh/chart|app\.kubernetes\.io/managed-by): |# Source: ")
# Refused by values.schema.json, with what is said of it.
REFUSED = {
    "shards=0": "shards",
    "shards=two": "shards",
    "shard=2": "shard",
    "image.digest=sha256:0": "image.digest",
    "persistence.whenScaled=Maybe": "persistence.whenScaled",
    "persistence.size=much": "persistence.size",
    "networkPolicy.egressPorts={0}": "networkPolicy.egressPorts",
    "assertion.enabled=true": "assertion.audience",
    "service.port=80": "service.port",
    "log.level=loud": "log.level",
}

wrong = []


def require(holds, what):
    if not holds:
        wrong.append(what)


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def render(helm, *values, version=KUBERNETES[-1]):
    named = [word for file in values for word in ("--values", file)]
    done = run(helm, "template", NAME, CHART, "--namespace", NAMESPACE, "--kube-version", f"{version}.0", *named)
    if done.returncode:
        sys.exit(f"helm template with {[file.name for file in values]}: {done.stderr}")
    return done.stdout


def objects(text):
    return [document for document in yaml.safe_load_all(text) if document]


def only(found, kind):
    """The object of that kind, or None."""
    of_kind = [one for one in found if one["kind"] == kind]
    require(len(of_kind) < 2, f"{len(of_kind)} objects of kind {kind}")
    return of_kind[0] if of_kind else None


def has_schema(where, found, version):
    for one in found:
        if one["apiVersion"] == OPERATOR:
            continue
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            wrong.append(f"{where}: {one['kind']} in Kubernetes {version}: {error.message} at {list(error.path)}")


def is_restricted(where, pod):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/, restricted."""
    security = pod["securityContext"]
    require(security["runAsNonRoot"] is True and security["runAsUser"] > 0, f"{where}: runs as root")
    require(security["seccompProfile"]["type"] == "RuntimeDefault", f"{where}: no seccomp profile")
    for key in ["hostNetwork", "hostPID", "hostIPC"]:
        require(not pod.get(key), f"{where}: {key}")
    allowed = {"configMap", "secret", "projected", "emptyDir", "persistentVolumeClaim"}
    for volume in pod["volumes"]:
        require(set(volume) - {"name"} <= allowed, f"{where}: volume {volume}")
    for container in pod["containers"]:
        own = container["securityContext"]
        require(own["allowPrivilegeEscalation"] is False, f"{where}: privileges may grow")
        require(own["capabilities"] == {"drop": ["ALL"]}, f"{where}: capabilities {own['capabilities']}")
        require(own["readOnlyRootFilesystem"] is True, f"{where}: the root file system can be written")
    require(pod["automountServiceAccountToken"] is False, f"{where}: a token for Kubernetes is mounted")


def fits_together(where, found):
    """What one object says of another is true of it."""
    stateful, service = only(found, "StatefulSet"), only(found, "Service")
    spec, pod = stateful["spec"], stateful["spec"]["template"]["spec"]
    labels = spec["template"]["metadata"]["labels"].items()
    require(spec["serviceName"] == service["metadata"]["name"], f"{where}: serviceName")
    selectors = [spec["selector"]["matchLabels"], service["spec"]["selector"]]
    for kind, key in [("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector"), ("ServiceMonitor", "selector")]:
        one = only(found, kind)
        selectors += [one["spec"][key]["matchLabels"]] if one else []
    for selector in selectors:
        require(selector and selector.items() <= labels, f"{where}: {selector} selects no pod")
    container = pod["containers"][0]
    claims = spec.get("volumeClaimTemplates", [])
    volumes = {volume["name"] for volume in pod["volumes"]} | {claim["metadata"]["name"] for claim in claims}
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    require(set(mounts) == volumes, f"{where}: mounts {set(mounts)} of volumes {volumes}")
    require(not any("subPath" in mount for mount in mounts.values()), f"{where}: a file that never changes is mounted")
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    require(service["spec"]["ports"][0]["targetPort"] in ports, f"{where}: the service's port")
    for probe, path in [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")]:
        get = container[probe]["httpGet"]
        require((get["path"], get["port"]) == (path, "http"), f"{where}: {probe} asks {get}")
    require(container["args"][-1] == f"$(POD_NAME)/{spec['replicas']}", f"{where}: shards are not replicas")
    drain = int(re.search(r"drain: Duration::from_secs\((\d+)\)", (ROOT / "src/daemon.rs").read_text())[1])
    require(pod["terminationGracePeriodSeconds"] >= drain + 10, f"{where}: killed while passes still end")
    account = only(found, "ServiceAccount")
    if account:
        require(account["metadata"]["name"] == pod["serviceAccountName"], f"{where}: another service account")
    is_restricted(where, pod)


def configures(where, found, program):
    """The program takes the configuration and the arguments of the pod."""
    data = only(found, "ConfigMap")["data"]
    container = only(found, "StatefulSet")["spec"]["template"]["spec"]["containers"][0]
    with tempfile.TemporaryDirectory() as directory:
        for name, text in data.items():
            (Path(directory) / name).write_text(text)
        places = [Path(directory) / Path(word).name if word.startswith("/etc/") else word for word in container["args"]]
        files = [place for place in places if isinstance(place, Path)]
        if (Path(directory) / "exporter.toml").exists():
            named = [word for file in files for word in ("--config", file)]
            done = run(program, *named, "check", "--offline")
            require(done.returncode == 0, f"{where}: {done.stderr}")
        # Without a configuration it says so: what it does not understand it would complain of first.
        lost = [str(word).replace(directory, "/nonexistent").replace("$(POD_NAME)", f"{NAME}-0") for word in places]
        done = run(program, *lost)
        require(done.returncode == 3, f"{where}: {lost}: exit {done.returncode}: {done.stderr}")
        port = container["ports"][0]["containerPort"]
        require(f':{port}"' in data["pod.toml"], f"{where}: it does not listen on {port}")


def watches(where, found):
    monitor, rule = only(found, "ServiceMonitor"), only(found, "PrometheusRule")
    if monitor:
        require(monitor["apiVersion"] == OPERATOR, f"{where}: {monitor['apiVersion']}")
        endpoint = monitor["spec"]["endpoints"][0]
        require((endpoint["port"], endpoint["path"]) == ("http", "/metrics"), f"{where}: {endpoint}")
    if rule:
        require(rule["apiVersion"] == OPERATOR, f"{where}: {rule['apiVersion']}")
        require(rule["spec"] == yaml.safe_load(ALERTS.read_text()), f"{where}: other alerts than {ALERTS}: {rule['spec']}")


def leaves(value, path=""):
    """Each setting by its path; a table that is empty by default is one."""
    if isinstance(value, dict) and value:
        for key, one in value.items():
            yield from leaves(one, f"{path}.{key}" if path else key)
    else:
        yield path


def schema_fits():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())

    def compare(values, schema, path):
        known = set(schema["properties"]) - {"global"}
        require(set(values) == known, f"values.schema.json: {path}: {sorted(set(values) ^ known)}")
        require(schema["additionalProperties"] is False, f"values.schema.json: {path}: anything goes")
        for key, value in values.items():
            below = schema["properties"].get(key, {})
            if isinstance(value, dict) and "properties" in below:
                compare(value, below, f"{path}.{key}")

    compare(values, schema, "")
    tried = set()
    for file in VALUES:
        tried |= set(leaves(yaml.safe_load(file.read_text())))
    for leaf in leaves(values):
        require(any(one == leaf or one.startswith(f"{leaf}.") for one in tried), f"no values file tries {leaf}")


def refuses(helm):
    for setting, named in REFUSED.items():
        done = run(helm, "template", NAME, CHART, "--kube-version", "1.32.0", "--set", setting)
        require(done.returncode != 0, f"the chart takes {setting}")
        require(named in done.stderr, f"{setting}: {named} is not named: {done.stderr}")


def plain(helm, write):
    lines = [line.rstrip() for line in render(helm).splitlines() if not OF_HELM.match(line)]
    head = "# The chart's default rendering, without Helm. Written by tests/kubernetes/run --write."
    manifest = "\n".join([head, *lines]) + "\n"
    file = DEPLOY / "exporter.yaml"
    if write:
        file.write_text(manifest)
    require(file.exists() and file.read_text() == manifest, f"{file} is not what the chart renders: tests/kubernetes/run --write")
    rendered = objects(render(helm))
    for one in rendered:
        for label in ["helm.sh/chart", "app.kubernetes.io/managed-by"]:
            del one["metadata"]["labels"][label]
    require(objects(manifest) == rendered, f"{file}: something else than labels differs")


def kustomized(program):
    try:
        done = run("kubectl", "kustomize", DEPLOY)
    except FileNotFoundError:
        print("kubectl is not here: kustomization.yaml is only read")
        resources = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())["resources"]
        found = [one for file in resources for one in objects((DEPLOY / file).read_text())]
    else:
        require(done.returncode == 0, f"kubectl kustomize: {done.stderr}")
        found = objects(done.stdout)
    for version in KUBERNETES:
        has_schema("kustomization", found, version)
    fits_together("kustomization", found)
    configures("kustomization", found, program)
    enforced = only(found, "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    require(enforced == "restricted", f"namespace.yaml enforces {enforced}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--helm", required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()

    linted = run(given.helm, "lint", "--strict", CHART)
    require(linted.returncode == 0, f"helm lint: {linted.stdout}{linted.stderr}")
    schema_fits()
    refuses(given.helm)
    copy = CHART / "files/alerts.yaml"
    require(copy.read_text() == ALERTS.read_text(), f"{copy} is not a link to {ALERTS}")
    cases = 0
    for values in [(), *[(file,) for file in VALUES]]:
        where = values[0].name if values else "values.yaml"
        for version in KUBERNETES:
            found = objects(render(given.helm, *values, version=version))
            has_schema(where, found, version)
            cases += 1
        fits_together(where, found)
        configures(where, found, given.program)
        watches(where, found)
    plain(given.helm, given.write)
    kustomized(given.program)
    version = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    require(yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == version, f"appVersion is not {version}")
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{cases} renderings are right; {len(REFUSED)} mistakes in values are refused")


main()
