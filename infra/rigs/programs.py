"""Which Go programs do tests run, and in which versions?"""

from infra.rigs.golang import Program

KUBERNETES = "v1.35.4"
APISERVER = Program(
    name="kube-apiserver",
    module="k8s.io/kubernetes",
    version=KUBERNETES,
    package="cmd/kube-apiserver",
    staging=KUBERNETES.replace("v1.", "v0.", 1),
    # Without it the server says v0.0.0, and clients refuse to talk to something so old.
    stamps={"k8s.io/component-base/version.gitVersion": KUBERNETES},
)
ROLLOUTS = Program(
    name="rollouts-controller",
    module="github.com/argoproj/argo-rollouts",
    version="v1.10.1",
    package="cmd/rollouts-controller",
)
FLAGGER = Program(
    name="flagger",
    module="github.com/fluxcd/flagger",
    version="v1.36.1",
    package="cmd/flagger",
)
ISTIOD = Program(
    name="pilot-discovery",
    module="istio.io/istio",
    version="v0.0.0-20260827124520-eed52ebb66ad",
    package="pilot/cmd/pilot-discovery",
)
HELM = Program(
    name="helm",
    module="helm.sh/helm/v3",
    version="v3.22.0",
    package="cmd/helm",
    # Without them it takes every cluster for one of Kubernetes 1.20 until it has asked.
    stamps={
        "helm.sh/helm/v3/internal/version.version": "v3.22.0",
        **{
            f"helm.sh/helm/v3/pkg/{place}.k8sVersion{part}": number
            for place in ("chartutil", "lint/rules")
            for part, number in zip(("Major", "Minor"), KUBERNETES[1:].split("."), strict=False)
        },
    },
)
ALL = (APISERVER, ROLLOUTS, FLAGGER, ISTIOD, HELM)
