package demodata

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// checkLine fails for what a feed couldn't show on one line.
func checkLine(t *testing.T, n int, what, line string, limit int) {
	t.Helper()
	switch {
	case line == "" || strings.TrimSpace(line) != line || strings.Contains(line, "  "):
		t.Errorf("item %d: %s %q is empty or has loose spaces", n, what, line)
	case !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl):
		t.Errorf("item %d: %s %q isn't one printable line", n, what, line)
	case utf8.RuneCountInString(line) > limit:
		t.Errorf("item %d: %s %q has more than %d characters", n, what, line, limit)
	}
}

func TestEveryItemIsAnActivity(t *testing.T) {
	for n, item := range load(t) {
		a := item.Activity()
		checkLine(t, n, "description", a.Description, longest)
		checkLine(t, n, "user id", a.UserID, 40)
		checkLine(t, n, "user name", a.UserName, 40)
		checkLine(t, n, "action", a.Action, 40)
		checkLine(t, n, "entity type", a.EntityType, 40)
		checkLine(t, n, "entity id", a.EntityID, 80)
		if !strings.HasPrefix(a.Description, a.UserName) {
			t.Errorf("item %d: %q doesn't begin with %q", n, a.Description, a.UserName)
		}
		if string(a.Metadata) != string(item.Payload) {
			t.Errorf("item %d: metadata isn't the payload", n)
		}
	}
}

// The sentences of the recorded items: each of these occurs at least once.
func TestSentencesOfRecordedItems(t *testing.T) {
	told := map[string]Activity{}
	for _, item := range load(t) {
		a := item.Activity()
		told[item.Event+": "+a.Description] = a
	}
	for _, tt := range []struct{ event, action, entity, id, description string }{
		{"pull_request", "opened", "pull_request", "2", "Codertocat opened pull request #2 Update the README with new information"},
		{"pull_request", "review_requested", "pull_request", "2", "Codertocat asked octocat to review pull request #2 Update the README with new information"},
		{"pull_request", "updated", "pull_request", "2", "Codertocat pushed new commits to pull request #2 Update the README with new information"},
		{"pull_request_review", "reviewed", "pull_request", "2", "Codertocat reviewed pull request #2 Update the README with new information"},
		{"pull_request_review_comment", "commented", "pull_request", "2", "Codertocat commented on README.md in pull request #2: “Maybe you should use more emoji on this line.”"},
		{"issues", "labeled", "issue", "1", "Codertocat added label “bug” to issue #1 Spelling error in the README file"},
		{"issues", "demilestoned", "issue", "2", "Codertocat removed issue #2 Update the README with new information from milestone v1.0"},
		{"issue_comment", "commented", "issue", "1", "Codertocat commented on issue #1 Spelling error in the README file: “You are totally right! I'll get this fixed right away.”"},
		{"discussion", "moved", "discussion", "4", "Codertocat moved discussion #4 TEST edit to category Show and tell"},
		{"push", "pushed", "ref", "refs/heads/master", "Codertocat pushed 1 commit to master in Hello-World"},
		{"push", "deleted", "ref", "refs/tags/simple-tag", "Codertocat deleted tag simple-tag in Hello-World"},
		{"create", "created", "ref", "simple-tag", "Codertocat created tag simple-tag in Hello-World"},
		{"fork", "forked", "repository", "186853261", "Octocoders forked Hello-World to Octocoders/Hello-World"},
		{"star", "starred", "repository", "186853002", "Codertocat starred Hello-World"},
		{"release", "released", "release", "17372790", "Codertocat released 0.0.1 in Hello-World"},
		{"check_run", "failure", "check_run", "128620228", "Codertocat's check Octocoders-linter failed on changes in Hello-World"},
		{"workflow_run", "success", "workflow_run", "289782451", "Codertocat's workflow test #163 passed on master in octo-repo"},
		{"deployment_status", "deployed", "deployment", "145988746", "Codertocat deployed master to production in Hello-World"},
		{"member", "added", "member", "39652351", "hacktocat joined Hello-World"},
		{"membership", "removed", "member", "21031067", "Codertocat left team github"},
		{"organization", "member_invited", "organization", "38302899", "Codertocat invited hacktocat to organization Octocoders"},
		{"label", "created", "label", "1362937026", "Codertocat created label “:bug: Bugfix” in Hello-World"},
		{"milestone", "closed", "milestone", "1", "Codertocat closed milestone v1.0 in Hello-World"},
		{"repository", "transferred", "repository", "186853261", "Codertocat transferred repository Hello-World from octocat to Octocoders"},
		{"installation_repositories", "removed", "app", "5725", "octocat took access to Hello-World from an app"},
		{"marketplace_purchase", "cancelled", "plan", "686", "username cancelled Premium Plan for organizationUsername"},
		{"dependabot_alert", "fixed", "dependabot_alert", "1", "github marked Dependabot alert #1 as fixed: Insertion of Sensitive Information into Log File in ansible in hello-world"},
		{"security_advisory", "withdrawn", "security_advisory", "GHSA-8v27-2fg9-7h62", "GitHub withdrew critical security advisory GHSA-8v27-2fg9-7h62: Withdrawn: Arbitrary Code Execution in static-eval"},
	} {
		a, ok := told[tt.event+": "+tt.description]
		if !ok {
			t.Errorf("no %s is told as %q", tt.event, tt.description)
			continue
		}
		if a.Action != tt.action || a.EntityType != tt.entity || a.EntityID != tt.id {
			t.Errorf("%q is %s %s %s, want %s %s %s", tt.description, a.Action, a.EntityType, a.EntityID, tt.action, tt.entity, tt.id)
		}
	}
}

// What the recorded items don't have: outcomes that are missing among them, unknown events and bodies.
func TestSentencesOfOtherItems(t *testing.T) {
	for _, tt := range []struct{ event, payload, want string }{
		{"pull_request", `{"action":"closed","pull_request":{"number":7,"title":"Fix it","merged":true},"sender":{"login":"ada"}}`, "ada merged pull request #7 Fix it"},
		{"pull_request_review", `{"action":"submitted","review":{"state":"APPROVED"},"pull_request":{"number":7,"title":"Fix it"},"sender":{"login":"ada"}}`, "ada approved pull request #7 Fix it"},
		{"issue_comment", `{"action":"created","issue":{"number":7,"title":"Fix it","pull_request":{}},"comment":{"body":"line\r\n\tline"},"sender":{"login":"ada"}}`, "ada commented on pull request #7 Fix it: “line line”"},
		{"push", `{"ref":"refs/heads/a/b","commits":[{},{}],"repository":{"name":"r"},"sender":{"login":"ada"}}`, "ada pushed 2 commits to a/b in r"},
		{"custom_property", `{"action":"promoted_to_enterprise","custom_property":{"name":"tier"},"repository":{"name":"r"},"sender":{"login":"ada"}}`, "ada promoted to enterprise custom property tier in r"},
		{"unheard_of", `{}`, "GitHub reported unheard of"},
		{"unheard_of", `[1]`, "GitHub reported unheard of"},
		{"", ``, "GitHub reported something"},
	} {
		if got := (Item{tt.event, json.RawMessage(tt.payload)}).Activity().Description; got != tt.want {
			t.Errorf("%s %s is told as %q, want %q", tt.event, tt.payload, got, tt.want)
		}
	}
}

func TestAnEmptyBodyIsToldForEveryEvent(t *testing.T) {
	for event := range tellings {
		a := Item{event, json.RawMessage(`{}`)}.Activity()
		if a.UserID != "github" || a.Action == "" || len(a.Description) < len("GitHub did") || strings.Contains(a.Description, "  ") {
			t.Errorf("%s without a body is %+v", event, a)
		}
	}
}

func TestALongDescriptionIsCutAtAWord(t *testing.T) {
	title := strings.Repeat("über\u2028große ", 60)
	payload, err := json.Marshal(map[string]any{"action": "opened", "unheard_of": map[string]any{"title": title},
		"repository": map[string]any{"name": strings.Repeat("long ", 60)}})
	if err != nil {
		t.Fatal(err)
	}
	got := Item{"unheard_of", payload}.Activity().Description
	checkLine(t, 0, "description", got, longest)
	if !strings.HasSuffix(got, "long…") {
		t.Errorf("%q doesn't end with a whole word and an ellipsis", got)
	}
}
