package demodata

// Notification is a row of "notifications" without its tenant and its recipient.
type Notification struct {
	Type       string // info, success, warning or urgent
	Category   string
	Title      string
	Body       string
	EntityType string
	EntityID   string
}

// The values that the table's type column allows.
const (
	info    = "info"
	success = "success"
	warning = "warning"
	urgent  = "urgent"
)

// Notification tells whether a person would want to be told of the item, and how: what asks them to act and what failed,
// ended well or threatens their security, but not each of the many small changes.
func (i Item) Notification() (Notification, bool) {
	b := parse(i.Payload)
	n, ok := classify(i.Event, b)
	if !ok {
		return Notification{}, false
	}
	a := i.activity(b)
	n.Title = shorten(n.Title, 100)
	n.Body, n.EntityType, n.EntityID = a.Description, a.EntityType, a.EntityID
	return n, true
}

func classify(event string, b body) (Notification, bool) {
	action := b.str("action")
	switch event {
	case "issues":
		if action == "assigned" {
			return notice(info, "task_assigned", "Assigned", numbered("issue", b, "issue"))
		}
	case "pull_request":
		return classifyPullRequest(action, b)
	case "pull_request_review":
		return classifyReview(action, b)
	case "issue_comment":
		if action == "created" {
			return notice(info, "comment", "New comment", numbered("", b, "issue"))
		}
	case "pull_request_review_comment":
		if action == "created" {
			return notice(info, "comment", "New comment", numbered("", b, "pull_request"))
		}
	case "discussion_comment":
		if action == "created" {
			return notice(info, "comment", "New comment", numbered("", b, "discussion"))
		}
	case "commit_comment":
		return notice(info, "comment", "New comment", join("commit", hash(b.str("comment.commit_id"))))
	case "discussion":
		if action == "answered" {
			return notice(success, "answered", "Answered", numbered("", b, "discussion"))
		}
	case "check_run", "check_suite", "workflow_run", "workflow_job":
		if action == "completed" {
			return classifyRun(event, b)
		}
	case "status":
		return classifyState("check", b.str("state"), join("commit", hash(b.str("sha")), in(b)))
	case "deployment_status":
		return classifyState("deployment", b.str("deployment_status.state"), join(b.str("deployment.ref"), "to", environment(b)))
	case "deployment_review":
		if action == "requested" {
			return notice(info, "review_requested", "Approval requested", join("deployment to", environment(b)))
		}
	case "page_build":
		if b.str("build.status") == "errored" {
			return notice(warning, "deployment_failed", "Site build failed", repository(b))
		}
	case "code_scanning_alert", "dependabot_alert", "repository_vulnerability_alert", "security_advisory":
		return classifySecurity(event, action, b)
	case "release":
		if action == "published" || action == "released" {
			return notice(info, "release", "New release", join(b.str("release.name", "release.tag_name"), in(b)))
		}
	case "member":
		if action == "added" {
			return notice(info, "member_added", "New member", join(b.str("member.login"), in(b)))
		}
	case "sponsorship":
		if action == "created" {
			return notice(success, "sponsorship", "New sponsor", b.str("sponsorship.sponsor.login", "sender.login"))
		}
	}
	return Notification{}, false
}

func notice(kind, category, title, about string) (Notification, bool) {
	return Notification{Type: kind, Category: category, Title: title + colon(about) + about}, true
}

func classifyPullRequest(action string, b body) (Notification, bool) {
	about := numbered("", b, "pull_request")
	switch {
	case action == "assigned":
		return notice(info, "task_assigned", "Assigned", numbered("pull request", b, "pull_request"))
	case action == "review_requested":
		return notice(info, "review_requested", "Review requested", about)
	case action == "closed" && b.is("pull_request.merged"):
		return notice(success, "merged", "Merged", about)
	}
	return Notification{}, false
}

func classifyReview(action string, b body) (Notification, bool) {
	about := numbered("", b, "pull_request")
	switch {
	case action == "dismissed":
		return notice(info, "review", "Review dismissed", about)
	case action != "submitted":
		return Notification{}, false
	}
	switch sayReview(b).action {
	case "approved":
		return notice(success, "review", "Approved", about)
	case "changes_requested":
		return notice(warning, "review", "Changes requested", about)
	}
	return notice(info, "review", "New review", about)
}

// classifyRun leaves out the single checks and jobs that passed: the suite or the workflow says it for all of them.
func classifyRun(event string, b body) (Notification, bool) {
	name := b.str(event + ".name")
	switch event {
	case "check_suite":
		name = orElse(b.str("check_suite.app.name"), "checks")
	case "workflow_run":
		name = workflowName(b)
	}
	state := b.str(event + ".conclusion")
	if state == "success" && (event == "check_run" || event == "workflow_job") {
		return Notification{}, false
	}
	return classifyState("check", state, join(name, in(b)))
}

func classifyState(noun, state, about string) (Notification, bool) {
	title := map[string]string{"check": "Check", "deployment": "Deployment"}[noun]
	switch state {
	case "success":
		return notice(success, noun+"_passed", title+" succeeded", about)
	case "failure", "error", "timed_out", "startup_failure", "action_required":
		return notice(warning, noun+"_failed", title+" "+outcome(state), about)
	}
	return Notification{}, false
}

func classifySecurity(event, action string, b body) (Notification, bool) {
	about := b.str("alert.rule.description", "alert.security_advisory.summary", "alert.affected_package_name", "security_advisory.summary")
	switch action {
	case "create", "created", "published", "reopened", "reopened_by_user", "reintroduced", "appeared_in_branch":
		return notice(urgent, "security_alert", "Security alert", about)
	case "fixed", "resolve":
		return notice(success, "security_alert", "Security alert resolved", about)
	case "updated", "withdrawn":
		if event == "security_advisory" {
			return notice(info, "security_alert", "Security advisory "+action, about)
		}
	}
	return Notification{}, false
}
