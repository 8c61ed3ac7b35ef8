package demodata

// tellings has a row for every event that occurs in the data.
var tellings = map[string]telling{
	// Conversations
	"issues":                      {"issue", []string{"issue.number"}, sayIssue},
	"issue_comment":               {"issue", []string{"issue.number"}, sayIssueComment},
	"pull_request":                {"pull_request", []string{"pull_request.number"}, sayPullRequest},
	"pull_request_review":         {"pull_request", []string{"pull_request.number"}, sayReview},
	"pull_request_review_comment": {"pull_request", []string{"pull_request.number"}, sayReviewComment},
	"pull_request_review_thread":  {"pull_request", []string{"pull_request.number"}, sayReviewThread},
	"discussion":                  {"discussion", []string{"discussion.number"}, sayDiscussion},
	"discussion_comment":          {"discussion", []string{"discussion.number"}, sayDiscussionComment},
	"commit_comment":              {"commit", []string{"comment.commit_id"}, sayCommitComment},

	// Code
	"push":                   {"ref", []string{"ref"}, sayPush},
	"create":                 {"ref", []string{"ref"}, sayCreate},
	"delete":                 {"ref", []string{"ref"}, sayDelete},
	"merge_group":            {"merge_group", []string{"merge_group.head_sha"}, sayMergeGroup},
	"release":                {"release", []string{"release.id"}, sayRelease},
	"package":                {"package", []string{"package.id"}, sayPackage},
	"gollum":                 {"wiki", []string{"repository.id"}, sayWiki},
	"branch_protection_rule": {"branch_protection_rule", []string{"rule.id"}, sayProtection},
	"deploy_key":             {"deploy_key", []string{"key.id"}, sayDeployKey},

	// Checks and deployments
	"check_run":           {"check_run", []string{"check_run.id"}, sayCheckRun},
	"check_suite":         {"check_suite", []string{"check_suite.id"}, sayCheckSuite},
	"status":              {"commit", []string{"sha"}, sayStatus},
	"workflow_run":        {"workflow_run", []string{"workflow_run.id"}, sayWorkflowRun},
	"workflow_job":        {"workflow_job", []string{"workflow_job.id"}, sayWorkflowJob},
	"workflow_dispatch":   {"workflow", []string{"workflow"}, sayWorkflowDispatch},
	"repository_dispatch": {"repository", []string{"repository.id"}, sayRepositoryDispatch},
	"deployment":          {"deployment", []string{"deployment.id"}, sayDeployment},
	"deployment_status":   {"deployment", []string{"deployment.id"}, sayDeploymentStatus},
	"deployment_review":   {"deployment", []string{"workflow_job_run.id", "workflow_run.id"}, sayDeploymentReview},
	"page_build":          {"page_build", []string{"id"}, sayPageBuild},

	// Security
	"code_scanning_alert":            {"code_scanning_alert", []string{"alert.number"}, sayCodeScanning},
	"dependabot_alert":               {"dependabot_alert", []string{"alert.number"}, sayDependabot},
	"repository_vulnerability_alert": {"vulnerability_alert", []string{"alert.id"}, sayVulnerability},
	"security_advisory":              {"security_advisory", []string{"security_advisory.ghsa_id"}, sayAdvisory},

	// People and teams
	"fork":         {"repository", []string{"forkee.id"}, sayFork},
	"star":         {"repository", []string{"repository.id"}, sayStar},
	"watch":        {"repository", []string{"repository.id"}, sayWatch},
	"member":       {"member", []string{"member.id"}, sayMember},
	"membership":   {"member", []string{"member.id"}, sayMembership},
	"organization": {"organization", []string{"organization.id"}, sayOrganization},
	"org_block":    {"user", []string{"blocked_user.id"}, sayBlock},
	"team":         {"team", []string{"team.id"}, sayTeam},
	"team_add":     {"team", []string{"team.id"}, sayTeamAdd},
	"sponsorship":  {"sponsorship", []string{"sponsorship.node_id"}, saySponsorship},

	// Planning
	"label":            {"label", []string{"label.id"}, sayLabel},
	"milestone":        {"milestone", []string{"milestone.number"}, sayMilestone},
	"project":          {"project", []string{"project.id"}, sayProject},
	"project_card":     {"project_card", []string{"project_card.id"}, sayProjectCard},
	"project_column":   {"project_column", []string{"project_column.id"}, sayProjectColumn},
	"projects_v2_item": {"project_item", []string{"projects_v2_item.id"}, sayProjectItem},

	// Repositories and apps
	"repository":                {"repository", []string{"repository.id"}, sayRepository},
	"repository_import":         {"repository", []string{"repository.id"}, sayImport},
	"public":                    {"repository", []string{"repository.id"}, sayPublic},
	"github_app_authorization":  {"app", []string{"sender.id"}, sayAuthorization},
	"installation":              {"app", []string{"installation.app_id", "installation.id"}, sayInstallation},
	"installation_repositories": {"app", []string{"installation.app_id", "installation.id"}, sayInstallationRepositories},
	"marketplace_purchase":      {"plan", []string{"marketplace_purchase.plan.id"}, sayPurchase},
	"meta":                      {"webhook", []string{"hook_id"}, sayMeta},
	"ping":                      {"webhook", []string{"hook_id"}, sayPing},
}
