// Package test renders the manifests beside it with kustomize and holds them against Kubernetes' own types, the restricted Pod
// Security Standard, and the gateway's program: its flags, ports, probes and metrics. It is a module of its own so that pgfeed
// needn't depend on Kubernetes.
package test
