// Package deploytest tests what is in deploy/ as it is deployed: gateways as processes and as containers, behind the real
// proxies with the configurations given there, while rows are inserted and parts fail.
//
// The tests are sure of one thing: each follower, a client that resumes by cursor as the SDK does, ends up with the
// committed rows of its tenant, each once, whatever happened in between. How long that takes is never judged.
//
// Tests of containers need images by name (.ci/container makes them), tests of proxies the proxy's program (.ci/setup
// proxies installs them); they are skipped, saying so, where those aren't there.
package deploytest
