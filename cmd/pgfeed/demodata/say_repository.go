package demodata

func sayRepository(b body) said {
	repo := repository(b)
	switch action := acted(b); action {
	case "publicized":
		return said{action, join("made", repo, "public")}
	case "privatized":
		return said{action, join("made", repo, "private")}
	case "renamed":
		if from := b.str("changes.repository.name.from"); from != "" && from != repo {
			return said{action, join("renamed repository", from, "to", repo)}
		}
		return said{action, join("renamed repository", repo)}
	case "transferred":
		if from := b.str("changes.owner.from.user.login", "changes.owner.from.organization.login"); from != "" {
			return said{action, join("transferred repository", repo, "from", from, "to", b.str("repository.owner.login"))}
		}
		return said{action, join("transferred repository", repo)}
	case "edited":
		switch {
		case b.has("changes.description"):
			return said{action, join("changed the description of", repo)}
		case b.has("changes.default_branch"):
			return said{action, join("changed the default branch of", repo, "to", b.str("repository.default_branch"))}
		}
		return said{action, join("edited repository", repo)}
	default:
		return said{action, join(words(action), "repository", repo)}
	}
}

func sayImport(b body) said {
	switch status := b.str("status"); status {
	case "failure", "cancelled":
		return said{status, join("couldn't import", repository(b))}
	}
	return said{"imported", join("imported", repository(b))}
}

func sayPublic(b body) said { return said{"publicized", join("made", repository(b), "public")} }

func sayAuthorization(b body) said {
	return said{acted(b), join(words(acted(b)), "their authorization of an app")}
}

func app(b body) string {
	if slug := b.str("installation.app_slug"); slug != "" {
		return "app " + slug
	}
	return "an app"
}

// forAccount names whom an app or a plan is for, unless that is the actor.
func forAccount(b body, path string) string {
	if account := b.str(path); account != "" && account != b.str("sender.login") {
		return "for " + account
	}
	return ""
}

func sayInstallation(b body) said {
	owner := forAccount(b, "installation.account.login")
	switch action := acted(b); action {
	case "created":
		return said{"installed", join("installed", app(b), owner)}
	case "deleted":
		return said{"uninstalled", join("uninstalled", app(b), owner)}
	case "new_permissions_accepted":
		return said{action, join("accepted new permissions of", app(b), owner)}
	case "suspend", "unsuspend":
		return said{action + "ed", join(action+"ed", app(b), owner)}
	default:
		return said{action, join(words(action), app(b), owner)}
	}
}

func sayInstallationRepositories(b body) said {
	added := b.str("action") == "added"
	list := b.list("repositories_removed")
	if added {
		list = b.list("repositories_added")
	}
	what := count(len(list), "repository", "repositories")
	if len(list) == 1 {
		what = orElse(list[0].str("name"), what)
	}
	if added {
		return said{"added", join("gave", app(b), "access to", what)}
	}
	return said{"removed", join("took access to", what, "from", app(b))}
}

func sayPurchase(b body) said {
	plan, owner := orElse(b.str("marketplace_purchase.plan.name"), "a plan"), forAccount(b, "marketplace_purchase.account.login")
	switch action := acted(b); action {
	case "purchased":
		return said{action, join("bought", plan, owner)}
	case "changed":
		return said{action, join("changed to", plan, owner)}
	default:
		return said{action, join(words(action), plan, owner)}
	}
}

func sayMeta(b body) said {
	return said{acted(b), join(words(acted(b)), "a webhook", in(b))}
}

func sayPing(b body) said { return said{"pinged", join("set up a webhook", in(b))} }
