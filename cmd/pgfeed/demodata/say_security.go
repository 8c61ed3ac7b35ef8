package demodata

func sayAlert(b body, noun, about string) said {
	action := b.str("action")
	verb := words(action)
	switch action {
	case "create", "created", "appeared_in_branch":
		action, verb = "raised", "raised"
	case "closed_by_user", "dismiss", "dismissed", "auto_dismissed":
		action, verb = "dismissed", "dismissed"
	case "reopened_by_user", "reintroduced", "auto_reopened":
		action, verb = "reopened", "reopened"
	case "fixed", "resolve":
		action, verb = "fixed", "marked"
	case "":
		action, verb = "updated", "updated"
	}
	if number := b.str("alert.number"); number != "" {
		noun += " #" + number
	}
	if action == "fixed" {
		noun += " as fixed"
	}
	return said{action, join(verb, noun+colon(about)+shorten(about, 100), in(b))}
}

func colon(next string) string {
	if next == "" {
		return ""
	}
	return ": "
}

func sayCodeScanning(b body) said {
	return sayAlert(b, "code scanning alert", b.str("alert.rule.description", "alert.rule.name", "alert.rule.id"))
}

func sayDependabot(b body) said {
	return sayAlert(b, "Dependabot alert", b.str("alert.security_advisory.summary", "alert.dependency.package.name"))
}

func sayVulnerability(b body) said {
	return sayAlert(b, "vulnerability alert", join(b.str("alert.affected_package_name"), b.str("alert.external_identifier", "alert.ghsa_id")))
}

func sayAdvisory(b body) said {
	action := orElse(b.str("action"), "updated")
	summary := shorten(b.str("security_advisory.summary"), 100)
	verb := words(action)
	if action == "withdrawn" {
		verb = "withdrew"
	}
	text := join(verb, b.str("security_advisory.severity"), "security advisory", b.str("security_advisory.ghsa_id"))
	return said{action, text + colon(summary) + summary}
}
