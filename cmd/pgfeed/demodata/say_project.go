package demodata

import "strings"

func acted(b body) string { return orElse(b.str("action"), "updated") }

func sayLabel(b body) said {
	return said{acted(b), join(words(acted(b)), "label", quoted(b.str("label.name")), in(b))}
}

func sayMilestone(b body) said {
	return said{acted(b), join(words(acted(b)), "milestone", b.str("milestone.title"), in(b))}
}

func sayProject(b body) said {
	return said{acted(b), join(words(acted(b)), "project", quoted(b.str("project.name")), in(b))}
}

func sayProjectColumn(b body) said {
	return said{acted(b), join(words(acted(b)), "project column", quoted(b.str("project_column.name")), in(b))}
}

func sayProjectCard(b body) said {
	return said{acted(b), join(words(acted(b)), "project card", quoted(b.str("project_card.note")), in(b))}
}

func sayProjectItem(b body) said {
	kind := "item"
	switch b.str("projects_v2_item.content_type") {
	case "DraftIssue":
		kind = "draft issue"
	case "Issue":
		kind = "issue"
	case "PullRequest":
		kind = "pull request"
	}
	thing := join("a project's", kind, in(b))
	switch action := acted(b); action {
	case "created":
		return said{"added", join("added", article(kind), "to a project", in(b))}
	case "reordered":
		return said{action, "moved " + thing}
	case "converted":
		return said{action, join("turned a project's draft into", article(kind), in(b))}
	default:
		return said{action, join(words(action), thing)}
	}
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}
