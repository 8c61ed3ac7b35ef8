package demodata

import (
	"encoding/json"
	"testing"
)

func TestNotificationsOfRecordedItems(t *testing.T) {
	types, categories := map[string]int{}, map[string]int{}
	for n, item := range load(t) {
		notification, ok := item.Notification()
		if !ok {
			continue
		}
		types[notification.Type]++
		categories[notification.Category]++
		checkLine(t, n, "title", notification.Title, 100)
		checkLine(t, n, "body", notification.Body, longest)
		a := item.Activity()
		if notification.EntityType != a.EntityType || notification.EntityID != a.EntityID {
			t.Errorf("item %d: the notification is about %s %s, the activity about %s %s", n,
				notification.EntityType, notification.EntityID, a.EntityType, a.EntityID)
		}
	}
	for _, kind := range []string{info, success, warning, urgent} {
		if types[kind] == 0 {
			t.Errorf("no notification of type %s", kind)
		}
		delete(types, kind)
	}
	if len(types) != 0 {
		t.Errorf("types that the table refuses: %v", types)
	}
	for _, category := range []string{"task_assigned", "review_requested", "security_alert", "check_failed", "comment"} {
		if categories[category] == 0 {
			t.Errorf("no notification of category %s", category)
		}
	}
}

func TestNotificationTypes(t *testing.T) {
	for _, tt := range []struct{ event, payload, kind, category, title string }{
		{"pull_request", `{"action":"closed","pull_request":{"number":7,"title":"Fix it","merged":true}}`, success, "merged", "Merged: #7 Fix it"},
		{"pull_request", `{"action":"review_requested","pull_request":{"number":7,"title":"Fix it"}}`, info, "review_requested", "Review requested: #7 Fix it"},
		{"pull_request_review", `{"action":"submitted","review":{"state":"changes_requested"},"pull_request":{"number":7}}`, warning, "review", "Changes requested: #7"},
		{"issues", `{"action":"assigned","issue":{"number":7,"title":"Fix it"}}`, info, "task_assigned", "Assigned: issue #7 Fix it"},
		{"workflow_run", `{"action":"completed","workflow_run":{"name":"test","conclusion":"timed_out"}}`, warning, "check_failed", "Check timed out: test"},
		{"check_suite", `{"action":"completed","check_suite":{"conclusion":"success"}}`, success, "check_passed", "Check succeeded: checks"},
		{"deployment_status", `{"deployment_status":{"state":"error","environment":"live"},"deployment":{"ref":"main"}}`, warning, "deployment_failed", "Deployment failed: main to live"},
		{"dependabot_alert", `{"action":"created","alert":{"security_advisory":{"summary":"Bad"}}}`, urgent, "security_alert", "Security alert: Bad"},
		{"security_advisory", `{"action":"published","security_advisory":{"summary":"Bad"}}`, urgent, "security_alert", "Security alert: Bad"},
	} {
		got, ok := Item{tt.event, json.RawMessage(tt.payload)}.Notification()
		if !ok || got.Type != tt.kind || got.Category != tt.category || got.Title != tt.title {
			t.Errorf("%s %s: %t %+v, want %s %s %q", tt.event, tt.payload, ok, got, tt.kind, tt.category, tt.title)
		}
	}
}

func TestSmallChangesNotifyNobody(t *testing.T) {
	for _, tt := range []struct{ event, payload string }{
		{"star", `{"action":"created"}`},
		{"pull_request", `{"action":"closed","pull_request":{"merged":false}}`},
		{"check_run", `{"action":"completed","check_run":{"conclusion":"success"}}`},
		{"workflow_run", `{"action":"completed","workflow_run":{"conclusion":null}}`},
		{"security_advisory", `{}`},
		{"unheard_of", ``},
	} {
		if got, ok := (Item{tt.event, json.RawMessage(tt.payload)}).Notification(); ok {
			t.Errorf("%s %s notifies: %+v", tt.event, tt.payload, got)
		}
	}
}
