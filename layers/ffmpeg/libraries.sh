# The codec libraries: static archives of Debian's -dev packages. Those of the machine's architecture
# are installed; those of another are unpacked into a folder, from which a cross compiler takes them.
# Part of ./build.

# configure flag | package with the static archive | archive | licence
libraries='
libx264            | libx264-dev            | libx264.a           | GPL-2.0-or-later
libx265            | libx265-dev            | libx265.a           | GPL-2.0-or-later
libvpx             | libvpx-dev             | libvpx.a            | BSD-3-Clause
libmp3lame         | libmp3lame-dev         | libmp3lame.a        | LGPL-2.0-or-later
libopus            | libopus-dev            | libopus.a           | BSD-3-Clause
libvorbis          | libvorbis-dev          | libvorbisenc.a      | BSD-3-Clause
-                  | libogg-dev             | libogg.a            | BSD-3-Clause
libvo-amrwbenc     | libvo-amrwbenc-dev     | libvo-amrwbenc.a    | Apache-2.0
libopencore-amrnb  | libopencore-amrnb-dev  | libopencore-amrnb.a | Apache-2.0
libspeex           | libspeex-dev           | libspeex.a          | BSD-3-Clause
libzimg            | libzimg-dev            | libzimg.a           | WTFPL
zlib               | zlib1g-dev             | libz.a              | Zlib
-                  | libnuma-dev            | libnuma.a           | LGPL-2.1-only
-                  | libc6-dev              | libc.a              | LGPL-2.1-or-later
-                  | libstdc++-dev          | libstdc++.a         | GPL-3.0-or-later WITH GCC-exception-3.1
'
libraries_for_tests='
libgsm             | libgsm1-dev            | libgsm.a            | TU-Berlin-2.0
'

library_rows() { sed -n 's/ *| */|/gp' <<<"$libraries"; }

# The packages, with the compiler's version in the name of the C++ library.
library_packages() {
  local version
  version=$("$gcc" -dumpversion)
  library_rows | cut -d'|' -f2 | sed "s/+-dev/+-${version%%.*}-dev/"
}

static_archive() { [[ $("${compiler[@]}" -print-file-name="$1") == /* ]]; }

# The newest of what apt knows, security updates among it.
update_libraries() {
  local packages
  mapfile -t packages < <(library_rows | cut -d'|' -f2 | grep -v '^libstdc++-dev$')
  if can_install; then
    say 'updating the libraries'
    install_packages "${packages[@]}"
  else
    say "the libraries stay as they are; as root: apt-get install ${packages[*]}"
  fi
}

# Fetches the packages of another architecture, in the machine's own release of Debian.
need_foreign_libraries() {
  local package packages release
  mapfile -t packages < <(library_packages)
  packages+=(linux-libc-dev "$(library_packages | sed -n 's/libstdc++/libgcc/p')")
  for package in "${packages[@]}"; do
    if [[ -n $update ]] || ! compgen -G "$sysroot.packages/${package}_*.deb" >/dev/null; then
      release=$(debian_release)
      say "fetching libraries for $debian_arch: ${packages[*]}"
      fetch_packages "$sysroot.packages" deb "${release:-$suite}" download "${packages[@]}"
      break
    fi
  done
}

# The C++ library is that of the packages as well, and not the cross compiler's own.
unpack_foreign_libraries() {
  local package
  rm -rf "$sysroot"
  mkdir "$sysroot"
  for package in "$sysroot.packages"/*.deb; do
    dpkg-deb -x "$package" "$sysroot"
  done
  linking+=" -L$(dirname "$sysroot/usr/lib/gcc/$arch-linux-gnu"/*/libstdc++.a)"
}

# "package source-package source-version" of every library.
library_sources() {
  # shellcheck disable=SC2016
  local package packages format='${Package} ${source:Package} ${source:Version}\n'
  mapfile -t packages < <(library_packages)
  if [[ -n $cross ]]; then
    for package in "${packages[@]}"; do
      dpkg-deb -W --showformat="$format" "$sysroot.packages/${package}"_*.deb
    done
  else
    dpkg-query -W -f "$format" "${packages[@]/%/:$debian_arch}"
  fi | sed 's/+-[0-9]*-dev/+-dev/'
}
