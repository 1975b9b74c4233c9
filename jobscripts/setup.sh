#!/bin/sh
# Packages, Python, MPI and the build: what quickstart.sh and tests/run.sh have in common.
#
#   sh jobscripts/setup.sh          # installs what the program and its plots need
#   sh jobscripts/setup.sh tests    # ... and what the tests need
#
# Other scripts source it from the repository and call its functions.

packages_run='meson ninja-build pkg-config gcc libc6-dev libopenmpi-dev openmpi-bin
  libhdf5-openmpi-dev libyaml-dev zlib1g-dev
  python3-h5py python3-numpy python3-matplotlib'
packages_tests='libopenblas-dev python3-xarray python3-h5netcdf hdf5-tools dataset-fashion-mnist
  valgrind slurm-wlm groff-base python3-torch clang python3-venv python3-setuptools python3-wheel'

# missing_packages PACKAGE...: prints those that are not installed.
missing_packages() {
  for package; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || status=none
    [ "$status" = installed ] || printf ' %s' "$package"
  done
}

# explain_packages MISSING: what to do when they cannot be installed from here.
explain_packages() {
  cat >&2 <<TEXT

These Debian packages are missing:
 $1
As root, install them with
  apt-get update && apt-get install --no-install-recommends$1
Where you use modules instead (a cluster), load MPI, parallel HDF5, libyaml, zlib, meson,
ninja and a Python with h5py, numpy and matplotlib, and build without this script:
  meson setup build -Dmpicc=/path/to/mpicc -Dh5pcc=/path/to/h5pcc && meson compile -C build
Libraries that pkg-config knows are also found through PKG_CONFIG_PATH=/path/to/lib/pkgconfig.
TEXT
}

# install_packages [tests]: installs what is missing, or explains and returns 1.
install_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "setup: no Debian packages on this system; meson will say what is missing."
    return 0
  fi
  wanted=$packages_run
  [ "${1:-}" = tests ] && wanted="$wanted $packages_tests"
  # shellcheck disable=SC2086  # a list of words
  missing=$(missing_packages $wanted)
  [ -n "$missing" ] || return 0

  if [ "$(id -u)" = 0 ]; then
    as_root=
  elif sudo -n true 2>/dev/null; then
    as_root='sudo -n'
  else
    explain_packages "$missing"
    return 1
  fi
  echo "setup: installing$missing"
  apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q"
  $apt update || echo "setup: apt-get update reported errors; continuing." >&2
  # shellcheck disable=SC2086
  $apt install -y --no-install-recommends $missing || { explain_packages "$missing"; return 1; }
}

# find_python: sets $python to an interpreter with h5py and matplotlib; $PYTHON is tried first.
find_python() {
  for python in "${PYTHON:-}" python3 /usr/bin/python3; do
    [ -n "$python" ] && "$python" -c 'import h5py, matplotlib' 2>/dev/null && return 0
  done
  echo "setup: no Python with h5py and matplotlib found; set PYTHON=/path/to/python3" >&2
  return 1
}

# allow_root: lets Open MPI's mpirun start as root, as in a container.
allow_root() {
  if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
}

# configure DIRECTORY [MESON OPTION...]: sets up a build, or changes its options.
configure() {
  build_directory=$1
  shift
  if [ -f "$build_directory/build.ninja" ]; then
    meson configure "$build_directory" "-Dpython=$python" "$@"
  else
    meson setup "$build_directory" "-Dpython=$python" "$@"
  fi
}

# build DIRECTORY [MESON OPTION...]: the same, and compiles everything, tests and benchmarks too.
build() { configure "$@" && meson compile -C "$1"; }

case $0 in
  setup.sh | */setup.sh) install_packages "$@" ;;
esac
