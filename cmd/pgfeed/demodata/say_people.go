package demodata

func repository(b body) string { return orElse(b.str("repository.name"), "a repository") }

func organization(b body) string {
	return join("organization", orElse(b.str("organization.login"), "of theirs"))
}

func sayFork(b body) said {
	return said{"forked", join("forked", repository(b), "to", orElse(b.str("forkee.full_name"), "their account"))}
}

func sayStar(b body) said {
	if b.str("action") == "deleted" {
		return said{"unstarred", "unstarred " + repository(b)}
	}
	return said{"starred", "starred " + repository(b)}
}

func sayWatch(b body) said { return said{"watched", "started watching " + repository(b)} }

func sayMember(b body) said {
	who := orElse(b.str("member.login"), "someone")
	switch action := b.str("action"); action {
	case "removed":
		return said{action, join("removed", who, "from", repository(b))}
	case "edited":
		return said{action, join("changed what", who, "may do in", repository(b))}
	}
	if who == b.str("sender.login") {
		return said{"added", "joined " + repository(b)}
	}
	return said{"added", join("added", who, "to", repository(b))}
}

func sayMembership(b body) said {
	who, team := orElse(b.str("member.login"), "someone"), join("team", b.str("team.name"))
	removed, oneself := b.str("action") == "removed", who == b.str("sender.login")
	switch {
	case removed && oneself:
		return said{"removed", join("left", team)}
	case removed:
		return said{"removed", join("removed", who, "from", team)}
	case oneself:
		return said{"added", join("joined", team)}
	}
	return said{"added", join("added", who, "to", team)}
}

func sayOrganization(b body) said {
	who := orElse(b.str("membership.user.login", "invitation.login", "invitation.email"), "someone")
	switch action := b.str("action"); action {
	case "member_added":
		return said{action, join("added", who, "to", organization(b))}
	case "member_removed":
		return said{action, join("removed", who, "from", organization(b))}
	case "member_invited":
		return said{action, join("invited", who, "to", organization(b))}
	case "renamed":
		// The examples give the old name only; the organization's login may still be the same.
		if from := b.str("changes.login.from"); from != "" && from != b.str("organization.login") {
			return said{action, join("renamed organization", from, "to", b.str("organization.login"))}
		}
		return said{action, join("renamed", organization(b))}
	default:
		return said{orElse(action, "updated"), join(orElse(words(action), "updated"), organization(b))}
	}
}

func sayBlock(b body) said {
	who := orElse(b.str("blocked_user.login"), "someone")
	if b.str("action") == "unblocked" {
		return said{"unblocked", join("unblocked", who, "in", organization(b))}
	}
	return said{"blocked", join("blocked", who, "in", organization(b))}
}

func sayTeam(b body) said {
	team := join("team", b.str("team.name"))
	switch action := b.str("action"); action {
	case "added_to_repository":
		return said{action, join("gave", team, "access to", repository(b))}
	case "removed_from_repository":
		return said{action, join("took", repository(b), "from", team)}
	default:
		return said{orElse(action, "edited"), join(orElse(words(action), "edited"), team, in(b))}
	}
}

func sayTeamAdd(b body) said {
	return said{"added_to_repository", join("gave team", b.str("team.name"), "access to", repository(b))}
}

func saySponsorship(b body) said {
	who, tier := orElse(b.str("sponsorship.sponsorable.login"), "someone"), b.str("sponsorship.tier.name")
	if tier != "" {
		tier = "with " + tier
	}
	switch action := b.str("action"); action {
	case "created":
		return said{"sponsored", join("sponsors", who, tier)}
	case "pending_tier_change", "tier_changed":
		from := b.str("changes.tier.from.name")
		if from == "" {
			return said{action, join("changed the sponsorship of", who)}
		}
		return said{action, join("changed the sponsorship of", who, "from", from, "to", b.str("sponsorship.tier.name"))}
	default:
		return said{action, join(orElse(words(action), "updated"), "the sponsorship of", who)}
	}
}
