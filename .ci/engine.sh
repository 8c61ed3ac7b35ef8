# A container engine and images for it, for the scripts beside this one; sourced after lib.sh. It needs $work, a directory
# that the script removes at its end, where it also calls stop_engine.
# shellcheck shell=bash

engine=

# give_up ends the script for want of an engine. That is a failure only in CI, where root could have made it work.
give_up() {
	say "$1: the tests in containers were NOT run"
	if [ -n "${CI:-}" ] && [ "$(id -u)" -eq 0 ] && have apt-get; then
		exit 1
	fi
	exit 0
}

# start_engine uses the engine that runs. Where none does, root on Debian installs Docker and starts it.
start_engine() {
	if have docker && docker info >/dev/null 2>&1; then
		return
	fi
	[ "$(uname -s)" = Linux ] || give_up "no container engine runs"
	[ "$(id -u)" -eq 0 ] || give_up "no container engine runs, and only root can start one"
	local missing=()
	have docker && have dockerd || missing+=(docker.io)
	have iptables || missing+=(iptables)
	if [ ${#missing[@]} -gt 0 ]; then
		apt_install "${missing[@]}" || give_up "Docker can't be installed"
	fi
	if docker info >/dev/null 2>&1; then
		return # the package has started it
	fi
	say "starting dockerd"
	dockerd >"$work/dockerd.log" 2>&1 </dev/null &
	engine=$!
	local n
	for ((n = 0; n < 240; n++)); do
		if docker info >/dev/null 2>&1; then
			return
		fi
		kill -0 "$engine" 2>/dev/null || break
		sleep 0.5
	done
	tail -n 20 "$work/dockerd.log" >&2
	give_up "dockerd doesn't run here (see its log above)"
}

# stop_engine stops what start_engine started.
stop_engine() {
	[ -n "$engine" ] || return 0
	kill "$engine" 2>/dev/null || true
	wait "$engine" 2>/dev/null || true
}

# image gives the name of an image that can be run: the official one if the engine has it or can pull it, else one made here.
# image OFFICIAL postgres|nginx
image() {
	if docker image inspect "$1" >/dev/null 2>&1 || timeout 300 docker pull -q "$1" >"$work/pull.log" 2>&1 </dev/null; then
		echo "$1"
		return
	fi
	say "$1 can't be pulled ($(tail -n 1 "$work/pull.log"))"
	make_image "$2"
}

# make_image makes an image that keeps the conventions of the official one, of this machine's own distribution, and gives
# its name.
make_image() {
	local base name
	base=$(make_base) || return
	name=pgfeed-test-$1:$(cat - .ci/images/"$1"* <<<"$base" | sha256sum | cut -c1-12)
	if ! docker image inspect "$name" >/dev/null 2>&1; then
		DOCKER_BUILDKIT=0 docker build -q --build-arg BASE="$base" -f ".ci/images/$1.Dockerfile" -t "$name" .ci/images >/dev/null 2>"$work/build.log" || {
			cat "$work/build.log" >&2
			return 1
		}
	fi
	echo "$name"
}

# make_base makes an image with the programs of all of them, once, with debootstrap, from the mirror that this machine's
# apt uses, and gives its name.
make_base() {
	local codename mirror proxy rootfs name
	local packages=postgresql,nginx-light
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	name=pgfeed-test-base:$codename-$(printf %s "$packages" | sha256sum | cut -c1-12)
	rootfs=$CACHE/${name/:/-}-$(uname -m).tar
	if docker image inspect "$name" >/dev/null 2>&1; then
		echo "$name"
		return
	fi
	if [ ! -s "$rootfs" ]; then
		have debootstrap || apt_install debootstrap || { say "debootstrap can't be installed"; return 1; }
		# The first mirror that serves the release itself, rather than its updates or somebody else's packages.
		mirror=$(apt-get indextargets --format '$(SITE) $(CODENAME)' 2>/dev/null |
			awk -v c="$codename" '$2 == c && !found { print $1; found = 1 }')
		[ -n "$mirror" ] || { say "this machine's apt names no mirror of $codename"; return 1; }
		proxy=$(apt-config shell proxy Acquire::http::Proxy | sed "s/^proxy='\(.*\)'$/\1/")
		say "making an image of PostgreSQL and nginx with debootstrap (a minute or two, once)"
		if ! http_proxy=${proxy:-${http_proxy:-}} debootstrap --variant=minbase --include=$packages \
			"$codename" "$work/root" "$mirror" >"$work/debootstrap.log" 2>&1; then
			tail -n 20 "$work/debootstrap.log" >&2
			say "debootstrap failed (see its log above)"
			return 1
		fi
		# What no test needs: a third of it. Without LLVM the server doesn't compile queries just in time.
		(cd "$work/root" && rm -rf -- var/cache/apt/* var/lib/apt/lists/* etc/apt/sources.list* usr/share/doc usr/share/man \
			usr/share/locale usr/share/i18n var/lib/postgresql/* usr/lib/*/libLLVM* usr/lib/*/libz3* usr/lib/postgresql/*/lib/llvmjit*)
		mkdir -p "$CACHE"
		tar -C "$work/root" -cf "$rootfs.part" .
		mv "$rootfs.part" "$rootfs"
		rm -rf -- "$work/root"
	fi
	docker import "$rootfs" "$name" >/dev/null || { say "the image $name can't be made"; return 1; }
	echo "$name"
}

# gateway_image builds the image of the gateway from deploy/Dockerfile and gives its name: as everybody would where an image
# of Go can be had, else with a binary that is compiled here.
gateway_image() {
	local name=pgfeed-test-gateway go=${GO_IMAGE:-golang:1.26}
	if docker image inspect "$go" >/dev/null 2>&1 || timeout 300 docker pull -q "$go" >"$work/pull.log" 2>&1 </dev/null; then
		docker build -q --build-arg GO_IMAGE="$go" -f deploy/Dockerfile -t "$name" . >&2 || return
	else
		say "$go can't be pulled ($(tail -n 1 "$work/pull.log"))"
		make --no-print-directory -s image IMAGE="$name" >&2 || return
	fi
	echo "$name"
}
