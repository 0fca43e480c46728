#!/bin/bash
# A local network of throw-away hosts on one machine. Needs root, iproute2, openssh-server, openssh-client, rsync.
#
#   LAB=FOLDER hosts.sh up NAME=IP ...     bring hosts up; returns when each answers on its ssh port
#   LAB=FOLDER hosts.sh in COMMAND ...     run a command beside the hosts, on their network, not on one of them
#   LAB=FOLDER hosts.sh down               everything goes: processes, network, mounts
#
# Each host has network, mount, process, host name and IPC namespaces of its own (`ray stop` kills every Ray that it can
# see), the machine's files under a layer that is thrown away, and its own sshd. FOLDER/shared is one folder for all of
# them, as NFS would be. LAB_BIND: more folders, one a line, that hosts see though they lie on another file system.
# LAB_ENV: NAME=VALUE, one a line, exported by every login shell. LAB_SHM: size of a host's /dev/shm.
set -eu
: "${LAB:?the laboratory\'s folder}"
SELF=$(readlink -f "$0")

up() {
  mkdir -p "$LAB/keys" "$LAB/log" "$LAB/shared" "$LAB/layers"
  for key in id host; do
    [ -f "$LAB/keys/$key" ] || ssh-keygen -q -t ed25519 -N '' -C lab -f "$LAB/keys/$key"
  done
  setsid unshare -n -m -p --fork --kill-child --mount-proc bash "$SELF" _network "$@" \
    >"$LAB/log/network" 2>&1 </dev/null &
  echo $! >"$LAB/pid"
  for host in "$@"; do answers "${host#*=}"; done
}

answers() {
  for _ in $(seq 200); do
    bash "$SELF" in bash -c "exec 3<>/dev/tcp/$1/22" 2>/dev/null && return
    sleep 0.05
  done
  echo "no sshd answers on $1; see $LAB/log" >&2
  exit 1
}

inside() {
  local pid
  pid=$(cat "$LAB/pid")
  exec nsenter --net="/proc/$pid/ns/net" --mount="/proc/$pid/ns/mnt" --pid="/proc/$pid/ns/pid_for_children" \
    --wd="$PWD" -- "$@"
}

down() {
  # Its process namespace dies with it, and with that all hosts, mounts and network devices.
  kill -KILL "$(cat "$LAB/pid")"
  rm -f "$LAB/pid"
}

network() {
  mount --make-rprivate /
  mount -t tmpfs tmpfs "$LAB/layers"
  mkdir -p /tmp/ray
  mount -t tmpfs -o mode=1777 tmpfs /tmp/ray
  ip link set lo up
  ip link add br0 type bridge
  local first=${1#*=}
  ip address add "${first%.*}.1/24" dev br0
  ip link set br0 up
  for host in "$@"; do
    local name=${host%%=*}
    unshare -n -m -u -i -p --fork --kill-child bash "$SELF" _host "$name" "${host#*=}" >"$LAB/log/$name" 2>&1 &
    local child=$!
    until [ "$(readlink /proc/$child/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
    ip link add "v-$name" type veth peer name eth0 netns $child
    ip link set "v-$name" master br0 up
  done
  while :; do wait; sleep 3600; done
}

host() {
  local name=$1 address=$2 layer="$LAB/layers/$1" root="$LAB/layers/$1/root"
  hostname "$name"
  mkdir -p "$layer/upper" "$layer/work" "$root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$layer/upper,workdir=$layer/work" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs -o "size=${LAB_SHM:-600m},mode=1777" tmpfs "$root/dev/shm"
  mount -t tmpfs tmpfs "$root/run"
  mkdir -p "$root/run/sshd" "$root/tmp/ray"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp/ray"
  printf '%s\n' "$LAB/keys" "$LAB/shared" "${LAB_BIND:-}" | while read -r folder; do
    [ -n "$folder" ] || continue
    mkdir -p "$root$folder"
    mount --rbind "$folder" "$root$folder"
  done
  home "$root/root"
  printf '127.0.0.1 localhost\n%s %s\n' "$address" "$name" >"$root/etc/hosts"
  ssh_settings "$address" >"$root/etc/ssh/sshd_lab"
  ip link set lo up
  until ip link show eth0 >/dev/null 2>&1; do sleep 0.02; done
  ip address add "$address/24" dev eth0
  ip link set eth0 up
  cd "$root"
  mkdir -p old_root
  pivot_root . old_root
  umount -l /old_root
  cd /root
  exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/sbin/sshd -D -e -f /etc/ssh/sshd_lab
}

home() {
  rm -rf "$1/.ssh" "$1/.ray" "$1/.aws" "$1/.ignm"
  mkdir -p -m 700 "$1/.ssh"
  install -m 600 "$LAB/keys/id.pub" "$1/.ssh/authorized_keys"
  printf '%s\n' "${LAB_ENV:-}" | sed '/./s/^/export /' >"$1/.bashrc"
  rm -f "$1/.bash_profile" "$1/.bash_login" "$1/.profile"
}

ssh_settings() {
  printf '%s\n' "ListenAddress $1" "HostKey $LAB/keys/host" "AuthorizedKeysFile /root/.ssh/authorized_keys" \
    "PasswordAuthentication no" "KbdInteractiveAuthentication no" "PermitRootLogin prohibit-password" \
    "StrictModes no" "UsePAM no" "MaxStartups 100" "MaxSessions 100" "PidFile none" "Subsystem sftp internal-sftp"
}

command=$1
shift
case $command in
  up) up "$@" ;;
  in) inside "$@" ;;
  down) down ;;
  _network) network "$@" ;;
  _host) host "$@" ;;
esac
