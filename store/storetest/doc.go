// Package storetest gives tests a real PostgreSQL.
//
// Database gives each test an empty database of its own, on one server per test process, which is, in this order:
//
//  1. the one that TEST_DATABASE_URL names, by a role that may create databases;
//  2. a container, where a container engine runs (the image is PGFEED_TEST_IMAGE, by default postgres:17);
//  3. a server from installed or, failing that, downloaded programs.
//
// When a container can't be had, the log says why and the next in order is tried; PGFEED_TEST_CONTAINER=1 makes that
// an error, PGFEED_TEST_CONTAINER=0 doesn't try. No test is ever skipped for want of a database: it fails.
//
// A server that was started here goes with the test process. A container that no reaper watches goes only by Main:
//
//	func TestMain(m *testing.M) { storetest.Main(m) }
//
// Everything here may be called from parallel tests.
package storetest
