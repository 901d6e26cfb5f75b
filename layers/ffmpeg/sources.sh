# Where the sources of FFmpeg and dav1d come from: Debian's archives, or tarballs by their checksum.
# Part of ./build.

# "URI suite" of every Debian archive in apt's own settings, deb822 and one-line style. Archives of
# others are told by their key: Debian's are signed by the archive keyring, named or by default.
debian_archives() {
  local etc=/etc/apt files=()
  shopt -s nullglob
  files=("$etc"/sources.list.d/*.sources)
  ((${#files[@]} == 0)) || awk '
    function flush(  i, j, u, s) {
      split(field["uris"], u, " "); split(field["suites"], s, " ")
      if (field["types"] ~ /deb/ && field["enabled"] !~ /no/ &&
          (field["signed-by"] == "" || field["signed-by"] ~ /debian-archive/))
        for (i in u) for (j in s) print u[i], s[j]
      split("", field)
    }
    FNR == 1 || /^[ \t]*$/ { flush(); if (/^[ \t]*$/) next }
    /^#/ { next }
    /^[^ \t]/ { key = tolower($0); sub(/:.*/, "", key); sub(/^[^:]*:/, "") }
    { field[key] = field[key] " " $0 }
    END { flush() }' "${files[@]}"
  files=("$etc"/sources.list "$etc"/sources.list.d/*.list)
  for file in "${files[@]}"; do
    [[ -r $file ]] || continue
    sed -n 's/^deb\(-src\)\{0,1\}[ \t]\{1,\}//p' "$file" |
      awk '/signed-by/ && !/debian-archive/ { next } { sub(/^\[[^]]*\][ \t]*/, ""); print $1, $2 }'
  done
}

# The machine's release of Debian; nothing on other systems.
debian_release() {
  # shellcheck source=/dev/null
  (. /etc/os-release && [[ $ID != debian ]] || echo "${VERSION_CODENAME:-sid}")
}

# archives KIND SUITE: the same archives as lines of this kind (deb or deb-src) for a suite, whatever
# release the machine itself runs.
archives() {
  local kind=$1 suite=$2 keyring codename
  for keyring in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
    [[ ! -r $keyring ]] || break
  done
  [[ -r $keyring ]] || die "no Debian archive keyring; apt-get install debian-archive-keyring"
  if [[ -n ${DEBIAN_MIRROR:-} ]]; then
    echo "$kind [signed-by=$keyring] $DEBIAN_MIRROR $suite main"
    echo "$kind [signed-by=$keyring] ${DEBIAN_MIRROR%/}-security $suite-security main"
    return
  fi
  codename=$(debian_release)
  [[ -n $codename ]] || return 0
  debian_archives |
    sed -nE "/^cdrom:/d; s/^([^ ]+) ($codename|stable|testing|unstable|sid)(-security|-updates)?\$/\1 $suite\3/p" |
    sort -u | sed "s|.*|$kind [signed-by=$keyring] & main|"
}

# apt with settings of its own: the machine's lists, pins and caches are neither used nor touched.
private_apt() {
  local dir=$1
  shift
  apt-get -q \
    -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
    -o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir/cache" \
    -o APT::Architecture="$debian_arch" -o APT::Architectures="$debian_arch" \
    -o APT::Sandbox::User=root "$@"
}

# fetch_packages TO KIND SUITE COMMAND...: what apt-get downloads from these archives, in the folder TO.
# apt checks the Release file's signature and, through it, the sums of everything that it downloads.
fetch_packages() {
  local to=$1 dir=$work/apt-$2
  command -v apt-get >/dev/null || die 'no apt-get here; name FFMPEG_TARBALL and DAV1D_TARBALL'
  mkdir -p "$dir"/{lists,cache/archives}/partial "$dir/new"
  archives "$2" "$3" >"$dir/sources.list"
  [[ -s $dir/sources.list ]] || die "no Debian archive in apt's settings; name DEBIAN_MIRROR"
  shift 3
  private_apt "$dir" update >"$work/log" 2>&1 || fail 'apt-get update'
  (cd "$dir/new" && private_apt "$dir" "$@") >"$work/log" 2>&1 || fail "apt-get $1"
  rm -rf "$to"
  mv "$dir/new" "$to"
}

tarball_setting() { local name=${1^^}_$2; echo "${!name:-}"; }
dsc_of() { compgen -G "$cache/sources-$suite/$1_*.dsc" | head -n 1; }

# Downloads what is missing, so that inputs() can name all of it.
need_sources() {
  local name from sum wanted=()
  for name in ffmpeg dav1d; do
    from=$(tarball_setting "$name" TARBALL)
    sum=$(tarball_setting "$name" SHA256)
    if [[ -z $from ]]; then
      wanted+=("$name")
      continue
    fi
    [[ $sum =~ ^[0-9a-f]{64}$ ]] || die "${name^^}_TARBALL needs its ${name^^}_SHA256"
    need_tarball "$from" "$sum"
  done
  for name in "${wanted[@]}"; do
    if [[ -n $update || -z $(dsc_of "$name") ]]; then
      say "fetching source packages from $suite: ${wanted[*]}"
      fetch_packages "$cache/sources-$suite" deb-src "$suite" source --download-only "${wanted[@]}"
      break
    fi
  done
}

need_tarball() {
  local from=$1 sum=$2 to=$cache/tarballs/$2
  mkdir -p "$cache/tarballs"
  if [[ ! -e $to ]]; then
    say "fetching $from"
    case $from in
      *://*)
        command -v curl >/dev/null || die 'curl is missing'
        curl -fsSL --proto =https -o "$to.part" "$from"
        ;;
      *) cp "$from" "$to.part" ;;
    esac
    sha256sum -c --quiet - <<<"$sum  $to.part" || { rm "$to.part"; die "$from is not $sum"; }
    mv "$to.part" "$to"
  fi
}

unpack() {
  local name=$1 to=$2
  if [[ -n $(tarball_setting "$name" TARBALL) ]]; then
    mkdir -p "$to"
    tar -xf "$cache/tarballs/$(tarball_setting "$name" SHA256)" -C "$to" --strip-components=1
  else
    dpkg-source -q --no-copy -x "$(dsc_of "$name")" "$to"
  fi
}

# The packaging's history, newest entry first; nothing for a tarball.
source_changelog() {
  [[ -n $(tarball_setting "$1" TARBALL) ]] ||
    tar -xOf "$(compgen -G "$cache/sources-$suite/$1_*.debian.tar.xz" | head -n 1)" debian/changelog
}

# The day of its newest entry.
source_date() {
  local date
  date=$(source_changelog "$1" | sed -n '/^ -- /{s/.*>  //p;q}')
  [[ -z $date ]] || date -u -d "$date" +%F
}

say_ages() {
  local name date
  for name in ffmpeg dav1d; do
    date=$(source_date "$name")
    [[ -z $date ]] || say "$name $(sed -n 's/^Version: //p' "$(dsc_of "$name")" | head -n 1) is of" \
      "$date, $((($(date +%s) - $(date -d "$date" +%s)) / 86400)) days old;" \
      "last looked for a newer one on $(date -r "$(dsc_of "$name")" +%F)"
  done
}

source_version() {
  if [[ -n $(tarball_setting "$1" TARBALL) ]]; then
    echo "tarball sha256:$(tarball_setting "$1" SHA256)"
  else
    echo "debian source package $1 $(sed -n 's/^Version: //p' "$(dsc_of "$1")" | head -n 1)"
  fi
}
