# Shared by the scripts beside it; sourced, with bash, from the repository's root.
# shellcheck shell=bash

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/pgfeed
GOLANGCI_VERSION=v2.15.0
export PATH=$CACHE/bin:$PATH

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
