package demodata

import "strings"

// numbered names a thing as people do: "pull request #2 Update the README".
func numbered(noun string, b body, path string) string {
	number := b.str(path + ".number")
	if number != "" {
		number = "#" + number
	}
	// Without its full stop, since sentences go on after a title.
	return join(noun, number, strings.TrimSuffix(shorten(b.str(path+".title"), 90), "."))
}

// bare is numbered without the title, for sentences that go on after it.
func bare(noun string, b body, path string) string {
	if number := b.str(path + ".number"); number != "" {
		return noun + " #" + number
	}
	return noun
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return "“" + shorten(s, 80) + "”"
}

// sayTracked tells what issues, pull requests and discussions have in common.
func sayTracked(b body, noun, path string) said {
	thing, action := numbered(noun, b, path), b.str("action")
	label := quoted(b.str("label.name"))
	switch action {
	case "assigned":
		if who := b.str("assignee.login", path+".assignee.login"); who != "" && who != b.str("sender.login") {
			return said{action, join("assigned", who, "to", thing)}
		}
		return said{action, join("took", thing)}
	case "unassigned":
		if who := b.str("assignee.login"); who != "" && who != b.str("sender.login") {
			return said{action, join("unassigned", who, "from", thing)}
		}
		return said{action, join("gave up", thing)}
	case "labeled":
		return said{action, join("added label", label, "to", thing)}
	case "unlabeled":
		return said{action, join("removed label", label, "from", thing)}
	case "milestoned":
		return said{action, join("added", thing, "to milestone", b.str("milestone.title", path+".milestone.title"))}
	case "demilestoned":
		return said{action, join("removed", thing, "from milestone", b.str("milestone.title"))}
	case "transferred":
		to := b.str("changes.new_repository.name")
		if to == "" {
			return said{action, join("transferred", thing, "to another repository")}
		}
		return said{action, join("transferred", thing, "to", to)}
	case "":
		return said{"updated", join("updated", thing)}
	}
	return said{action, join(words(action), thing)}
}

func sayIssue(b body) said { return sayTracked(b, "issue", "issue") }

func sayPullRequest(b body) said {
	const noun, path = "pull request", "pull_request"
	thing, short, action := numbered(noun, b, path), bare(noun, b, path), b.str("action")
	reviewer := orElse(b.str("requested_reviewer.login", "requested_team.name"), "someone")
	switch action {
	case "closed":
		if b.is("pull_request.merged") {
			return said{"merged", join("merged", thing)}
		}
	case "review_requested":
		return said{action, join("asked", reviewer, "to review", thing)}
	case "review_request_removed":
		return said{action, join("no longer asks", reviewer, "to review", thing)}
	case "synchronize":
		return said{"updated", join("pushed new commits to", thing)}
	case "ready_for_review":
		return said{action, join("marked", short, "as ready for review:", shorten(b.str("pull_request.title"), 90))}
	case "converted_to_draft":
		return said{action, join("turned", short, "into a draft:", shorten(b.str("pull_request.title"), 90))}
	}
	return sayTracked(b, noun, path)
}

// sayComment tells a comment: a new one with its beginning, an edited or deleted one without.
func sayComment(b body, thing string) said {
	switch action := b.str("action"); action {
	case "edited", "deleted":
		return said{action, join(action, "a comment on", thing)}
	}
	if text := quoted(b.str("comment.body")); text != "" {
		thing += ": " + text
	}
	return said{"commented", join("commented on", thing)}
}

func sayIssueComment(b body) said {
	if b.has("issue.pull_request") {
		return sayComment(b, numbered("pull request", b, "issue"))
	}
	return sayComment(b, numbered("issue", b, "issue"))
}

func sayReviewComment(b body) said {
	thing := bare("pull request", b, "pull_request")
	if path := b.str("comment.path"); path != "" {
		return sayComment(b, path+" in "+thing)
	}
	return sayComment(b, thing)
}

func sayReview(b body) said {
	thing := numbered("pull request", b, "pull_request")
	switch action := b.str("action"); action {
	case "dismissed", "edited":
		return said{action, join(action, "a review of", thing)}
	}
	switch strings.ToLower(b.str("review.state")) {
	case "approved":
		return said{"approved", join("approved", thing)}
	case "changes_requested":
		return said{"changes_requested", join("asked for changes to", thing)}
	}
	return said{"reviewed", join("reviewed", thing)}
}

func sayReviewThread(b body) said {
	action := orElse(b.str("action"), "updated")
	return said{action, join(words(action), "a review thread on", numbered("pull request", b, "pull_request"))}
}

func sayDiscussion(b body) said {
	thing := numbered("discussion", b, "discussion")
	switch action := b.str("action"); action {
	case "created":
		return said{"started", join("started", thing)}
	case "answered":
		return said{action, join("marked an answer to", thing)}
	case "unanswered":
		return said{action, join("no longer marks an answer to", thing)}
	case "category_changed":
		return said{"moved", join("moved", thing, "to category", b.str("discussion.category.name"))}
	}
	return sayTracked(b, "discussion", "discussion")
}

func sayDiscussionComment(b body) said { return sayComment(b, numbered("discussion", b, "discussion")) }

func sayCommitComment(b body) said {
	return sayComment(b, join("commit", hash(b.str("comment.commit_id")), in(b)))
}
