package test

import (
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// manifests are the rendered objects, of Kubernetes' own types.
type manifests []runtime.Object

// render is `kustomize build`, decoded strictly: a field that Kubernetes doesn't know, or that comes twice, is an error.
func render(t *testing.T) manifests {
	t.Helper()
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "..")
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		core.AddToScheme, apps.AddToScheme, batch.AddToScheme, autoscaling.AddToScheme, policy.AddToScheme, networking.AddToScheme, monitoring.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var all manifests
	for _, resource := range rendered.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		object, _, err := decoder.Decode(text, nil, nil)
		if err != nil {
			t.Errorf("%s: %v", resource.CurId(), err)
			continue
		}
		all = append(all, object)
	}
	return all
}

// named gives the object of a type that has the name.
func named[T any, P interface {
	*T
	GetName() string
	GetNamespace() string
}](t *testing.T, all manifests, name string) P {
	t.Helper()
	for _, object := range all {
		if o, ok := object.(P); ok && o.GetName() == name {
			if o.GetNamespace() != "pgfeed" {
				t.Errorf("%T %s is in the namespace %q", o, name, o.GetNamespace())
			}
			return o
		}
	}
	t.Fatalf("there is no %T named %s", *new(T), name)
	return nil
}
