package demodata

import "path"

// outcome says a conclusion or state as a verb.
func outcome(conclusion string) string {
	switch conclusion {
	case "success":
		return "passed"
	case "failure", "error", "startup_failure":
		return "failed"
	case "cancelled":
		return "was cancelled"
	case "skipped":
		return "was skipped"
	case "timed_out":
		return "timed out"
	case "action_required":
		return "needs attention"
	case "stale":
		return "went stale"
	case "pending", "queued", "in_progress", "requested", "waiting":
		return "is " + words(conclusion)
	}
	return "finished" // "neutral" or not told
}

// concluded tells how something of the actor's ended; the action is the conclusion.
func concluded(b body, at, thing, where string) said {
	conclusion := b.str(at + ".conclusion")
	return said{orElse(conclusion, "completed"), "'s " + join(thing, outcome(conclusion), where)}
}

func onBranch(b body, paths ...string) string {
	if branch := b.str(paths...); branch != "" {
		return join("on", branch, in(b))
	}
	return in(b)
}

func sayCheckRun(b body) said {
	thing := join("check", b.str("check_run.name"))
	where := onBranch(b, "check_run.check_suite.head_branch")
	switch action := b.str("action"); action {
	case "completed":
		return concluded(b, "check_run", thing, where)
	case "rerequested":
		return said{action, join("asked for another run of", thing, where)}
	case "requested_action":
		return said{action, join("asked for action", quoted(b.str("requested_action.identifier")), "from", thing, where)}
	}
	return said{"started", join("started", thing, where)}
}

func sayCheckSuite(b body) said {
	thing := join("checks by", orElse(b.str("check_suite.app.name"), "an app"))
	where := onBranch(b, "check_suite.head_branch")
	switch action := b.str("action"); action {
	case "completed":
		return concluded(b, "check_suite", orElse(b.str("check_suite.app.name"), "check")+" suite", where)
	case "rerequested":
		return said{action, join("asked again for", thing, where)}
	}
	return said{"", join("asked for", thing, where)}
}

func sayStatus(b body) said {
	state := orElse(b.str("state"), "pending")
	return said{state, "'s " + join("commit", hash(b.str("sha")), outcome(state), "status check", b.str("context"), in(b))}
}

func sayWorkflowRun(b body) said {
	number := b.str("workflow_run.run_number")
	if number != "" {
		number = "#" + number
	}
	thing := join("workflow", workflowName(b), number)
	where := onBranch(b, "workflow_run.head_branch")
	switch b.str("action") {
	case "completed":
		return concluded(b, "workflow_run", thing, where)
	case "in_progress":
		return said{"started", join("started", thing, where)}
	}
	return said{"", join("asked for", thing, where)}
}

func workflowName(b body) string {
	return shorten(orElse(b.str("workflow_run.name", "workflow.name"), file(b.str("workflow_run.path"))), 80)
}

func sayWorkflowJob(b body) said {
	thing := join("job", quoted(b.str("workflow_job.name")))
	if workflow := b.str("workflow_job.workflow_name"); workflow != "" {
		thing += " of workflow " + workflow
	}
	where := onBranch(b, "workflow_job.head_branch")
	switch action := b.str("action"); action {
	case "completed":
		return concluded(b, "workflow_job", thing, where)
	case "in_progress":
		return said{"started", join("started", thing, where)}
	case "waiting":
		return said{action, "'s " + join(thing, "is waiting", where)}
	}
	return said{"queued", join("queued", thing, where)}
}

func sayWorkflowDispatch(b body) said {
	_, branch := ref(b.str("ref"))
	return said{"dispatched", join("ran workflow", file(b.str("workflow")), "by hand on", orElse(branch, "a branch"), in(b))}
}

func sayRepositoryDispatch(b body) said {
	return said{"dispatched", join("triggered", quoted(b.str("action")), "on", orElse(b.str("branch"), "a branch"), in(b))}
}

func sayDeployment(b body) said {
	return said{"started", join("started to deploy", b.str("deployment.ref"), "to", environment(b), in(b))}
}

func sayDeploymentStatus(b body) said {
	what := join(b.str("deployment.ref"), "to", environment(b), in(b))
	switch state := b.str("deployment_status.state"); state {
	case "success":
		return said{"deployed", join("deployed", what)}
	case "failure", "error":
		return said{"failed", join("failed to deploy", what)}
	case "inactive":
		return said{state, join("retired the deployment of", what)}
	default:
		return said{orElse(state, "updated"), join("is deploying", what)}
	}
}

func sayDeploymentReview(b body) said {
	what := join("deployment to", environment(b), in(b))
	switch action := b.str("action"); action {
	case "approved", "rejected":
		return said{action, join(action, "the", what)}
	}
	return said{"", join("asked for approval of a", what)}
}

func environment(b body) string {
	return orElse(b.str("environment", "deployment_status.environment", "deployment.environment"), "an environment")
}

func sayPageBuild(b body) said {
	if b.str("build.status") == "errored" {
		return said{"failed", join("failed to build the site", in(b))}
	}
	return said{orElse(b.str("build.status"), "built"), join("built the site", in(b))}
}

func file(name string) string {
	if name == "" {
		return ""
	}
	return path.Base(name)
}
