package test

import (
	"slices"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	disruption "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

func TestPodsKeepTheRestrictedStandard(t *testing.T) {
	all := render(t)
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for name, pod := range map[string]core.PodTemplateSpec{
		"gateway": named[apps.Deployment](t, all, "pgfeed").Spec.Template,
		"migrate": named[batch.Job](t, all, "pgfeed-migrate").Spec.Template,
	} {
		for _, result := range evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec) {
			if !result.Allowed {
				t.Errorf("%s: %s: %s", name, result.ForbiddenReason, result.ForbiddenDetail)
			}
		}
		if c := pod.Spec.Containers[0].SecurityContext; c.ReadOnlyRootFilesystem == nil || !*c.ReadOnlyRootFilesystem {
			t.Errorf("%s may write to its files", name)
		}
		if pod.Spec.AutomountServiceAccountToken == nil || *pod.Spec.AutomountServiceAccountToken {
			t.Errorf("%s gets a token for Kubernetes", name)
		}
	}
	for _, object := range all {
		if ns, ok := object.(*core.Namespace); ok && ns.Labels[api.EnforceLevelLabel] == string(api.LevelRestricted) {
			return
		}
	}
	t.Error("no namespace enforces the standard")
}

// selects tells whether a selector takes the gateways and leaves the migration alone.
func selects(t *testing.T, all manifests, what string, selector *meta.LabelSelector) {
	t.Helper()
	s, err := meta.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if !s.Matches(labels.Set(named[apps.Deployment](t, all, "pgfeed").Spec.Template.Labels)) {
		t.Errorf("%s doesn't select the gateways", what)
	}
	if s.Matches(labels.Set(named[batch.Job](t, all, "pgfeed-migrate").Spec.Template.Labels)) {
		t.Errorf("%s selects the migration", what)
	}
}

// port gives a port of the gateways by its name.
func port(t *testing.T, all manifests, name string) int32 {
	t.Helper()
	for _, p := range named[apps.Deployment](t, all, "pgfeed").Spec.Template.Spec.Containers[0].Ports {
		if p.Name == name {
			return p.ContainerPort
		}
	}
	t.Fatalf("the gateways have no port %q", name)
	return 0
}

func TestPartsFitTogether(t *testing.T) {
	all := render(t)
	gateways := named[apps.Deployment](t, all, "pgfeed")
	selects(t, all, "the Deployment", gateways.Spec.Selector)
	for _, c := range gateways.Spec.Template.Spec.TopologySpreadConstraints {
		selects(t, all, "the spread over nodes", c.LabelSelector)
	}
	selects(t, all, "the PodDisruptionBudget", named[disruption.PodDisruptionBudget](t, all, "pgfeed").Spec.Selector)
	for service, name := range map[string]string{"pgfeed": "http", "pgfeed-admin": "admin"} {
		s := named[core.Service](t, all, service)
		selects(t, all, "the Service "+service, &meta.LabelSelector{MatchLabels: s.Spec.Selector})
		if len(s.Spec.Ports) != 1 || s.Spec.Ports[0].TargetPort != intstr.FromString(name) {
			t.Errorf("the Service %s leads to %+v, want %s alone", service, s.Spec.Ports, name)
		}
		port(t, all, name)
	}
	scaler := named[autoscaling.HorizontalPodAutoscaler](t, all, "pgfeed")
	if target := scaler.Spec.ScaleTargetRef; target.Kind != "Deployment" || target.Name != gateways.Name || gateways.Spec.Replicas != nil {
		t.Errorf("the autoscaler scales %+v; the Deployment's own number is %v", target, gateways.Spec.Replicas)
	}
	if n := scaler.Spec.MinReplicas; n == nil || *n < 2 {
		t.Error("the autoscaler leaves a single gateway")
	}
	wall := named[networking.NetworkPolicy](t, all, "pgfeed-gateway")
	selects(t, all, "the NetworkPolicy", &wall.Spec.PodSelector)
	for _, rule := range wall.Spec.Ingress {
		for _, p := range rule.Ports {
			port(t, all, p.Port.StrVal)
			if p.Port.StrVal == "admin" && len(rule.From) == 0 {
				t.Error("anyone reaches the admin port")
			}
		}
	}
	monitor := named[monitoring.ServiceMonitor](t, all, "pgfeed")
	admin := named[core.Service](t, all, "pgfeed-admin")
	watched, err := meta.LabelSelectorAsSelector(&monitor.Spec.Selector)
	if err != nil || !watched.Matches(labels.Set(admin.Labels)) {
		t.Errorf("the ServiceMonitor doesn't select the admin service: %v", err)
	}
	if e := monitor.Spec.Endpoints; len(e) != 1 || e[0].Port != admin.Spec.Ports[0].Name {
		t.Errorf("the ServiceMonitor asks %+v", e)
	}
	for _, pod := range []core.PodSpec{gateways.Spec.Template.Spec, named[batch.Job](t, all, "pgfeed-migrate").Spec.Template.Spec} {
		named[core.ServiceAccount](t, all, pod.ServiceAccountName)
	}
}

// A rolling update takes no gateway away before the next one serves, and gives each the time to drain.
func TestUpdatesAndDisruptionsLeaveTimeToDrain(t *testing.T) {
	all := render(t)
	gateways := named[apps.Deployment](t, all, "pgfeed")
	if u := gateways.Spec.Strategy.RollingUpdate; u == nil || u.MaxUnavailable.IntValue() != 0 || u.MaxSurge.IntValue() != 1 {
		t.Errorf("the update is %+v", u)
	}
	pod := gateways.Spec.Template.Spec
	window, err := time.ParseDuration(setting(t, pod.Containers[0], "PGFEED_DRAIN_WINDOW"))
	if err != nil {
		t.Fatal(err)
	}
	sleep := time.Duration(pod.Containers[0].Lifecycle.PreStop.Sleep.Seconds) * time.Second
	// docs/upgrade.md: ten seconds more than the window.
	if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; grace < sleep+window+10*time.Second {
		t.Errorf("a pod is killed after %v, but it waits %v, drains %v, and needs up to 10s for the rest", grace, sleep, window)
	}
	if n := named[disruption.PodDisruptionBudget](t, all, "pgfeed").Spec.MaxUnavailable; n.IntValue() != 1 {
		t.Errorf("%v gateways may be taken away at once", n)
	}
	probe := pod.Containers[0].ReadinessProbe
	if wait := time.Duration(probe.PeriodSeconds*probe.FailureThreshold) * time.Second; wait > sleep {
		t.Errorf("a pod is found unready after %v, longer than the %v it waits before it drains", wait, sleep)
	}
}

// setting is the value of an environment variable.
func setting(t *testing.T, c core.Container, name string) string {
	t.Helper()
	i := slices.IndexFunc(c.Env, func(v core.EnvVar) bool { return v.Name == name })
	if i < 0 {
		t.Fatalf("%s isn't set", name)
	}
	return c.Env[i].Value
}
