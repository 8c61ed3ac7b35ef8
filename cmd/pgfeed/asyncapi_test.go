package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
)

// asyncAPI is docs/api/asyncapi.yaml: a schema for each message that its channel has, by name.
type asyncAPI map[string]*jsonschema.Schema

func loadAsyncAPI(t *testing.T) asyncAPI {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "api", "asyncapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Channels struct {
			Stream struct {
				Messages map[string]struct {
					Ref string `yaml:"$ref"`
				}
			}
		}
		Components struct {
			Messages map[string]struct{ Name string }
		}
	}
	var whole any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("asyncapi.json", whole); err != nil {
		t.Fatal(err)
	}
	schemas := asyncAPI{}
	for _, m := range doc.Channels.Stream.Messages {
		component := strings.TrimPrefix(m.Ref, "#/components/messages/")
		schema, err := compiler.Compile("asyncapi.json#/components/messages/" + component + "/payload")
		if err != nil {
			t.Fatal(err)
		}
		schemas[doc.Components.Messages[component].Name] = schema
	}
	return schemas
}

func TestEveryFrameIsAsAsyncAPIDescribesIt(t *testing.T) {
	described := loadAsyncAPI(t)
	url, pool := database(t)
	g := startReady(t, url, "--heartbeat", "1s")
	token := session(t, pool, "acme", "ada")
	check := func(s *ssetest.Stream, name string) {
		t.Helper()
		f := s.Until(t, name)
		schema := described[f.Event]
		if schema == nil {
			t.Fatalf("%q isn't described", f.Event)
		}
		var data any
		if err := json.Unmarshal([]byte(f.Data), &data); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(data); err != nil {
			t.Errorf("%s %s\n%v", f.Event, f.Data, err)
		}
		delete(described, f.Event)
	}
	s := ssetest.Open(t, g.URL+"/api/activity/stream?cursor=nonsense", token)
	check(s, "hello")
	check(s, "reset")
	insert(t, pool, "acme", "something")
	check(s, "activity:new")
	exec(t, pool, `insert into notifications ("tenantId", "userId", title) values ('acme', 'ada', 'hello')`)
	check(s, "notification:new")
	g.do(t, "POST", "/api/notifications/read", token)
	check(s, "notification:read")
	check(s, "ping")
	go g.stop()
	check(s, "bye")
	g.stop()
	for name := range described {
		if name != "" {
			t.Errorf("%q is described, and wasn't seen", name)
		}
	}
}
