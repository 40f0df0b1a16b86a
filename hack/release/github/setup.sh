#!/usr/bin/env bash
# Downloads a release of dindctl, verifies its checksum, and adds it to the PATH of the
# job's next steps. VERSION is the release or latest; RELEASES is where the releases are.
set -euo pipefail

fail() {
	printf '::error::dindctl: %s\n' "$*"
	exit 1
}
get() { curl --fail --silent --show-error --location --retry 3 "$@"; }

releases=${RELEASES:-https://github.com/dindctl/dindctl/releases}
version=${VERSION:-latest}
if [[ $version == latest ]]; then
	# It redirects to the page of the release's tag.
	page=$(get --output /dev/null --write-out '%{url_effective}' "$releases/latest") || fail 'cannot ask for the latest release'
	version=${page##*/}
fi
version=${version#v}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*$ ]] || fail "'$version' is no version such as v1.2.3"

extension=tar.gz program=dindctl
case $RUNNER_OS in
Linux) system=linux ;;
macOS) system=darwin ;;
Windows) system=windows extension=zip program=dindctl.exe ;;
*) fail "there is no release for $RUNNER_OS" ;;
esac
case $RUNNER_ARCH in
X64) processor=amd64 ;;
ARM64) processor=arm64 ;;
*) fail "there is no release for $RUNNER_ARCH" ;;
esac

archive=dindctl_${version}_${system}_$processor.$extension
folder=$RUNNER_TEMP/dindctl-$version
mkdir -p "$folder"
cd "$folder"
for file in checksums.txt "$archive"; do
	get --output "$file" "$releases/download/v$version/$file" || fail "cannot download $file of v$version"
done

want=$(awk -v file="$archive" '$2 == file { print $1 }' checksums.txt)
# macOS has no sha256sum.
got=$({ sha256sum "$archive" 2>/dev/null || shasum -a 256 "$archive"; } | cut -d ' ' -f 1)
[[ -n $want ]] || fail "checksums.txt has no checksum of $archive"
[[ $got == "$want" ]] || fail "the checksum of $archive is $got, but checksums.txt has $want"

case $extension in
zip) unzip -q -o "$archive" "$program" ;;
*) tar -xzf "$archive" "$program" ;;
esac
rm "$archive" checksums.txt
printf '%s\n' "$folder" >>"$GITHUB_PATH"
printf 'version=v%s\n' "$version" >>"$GITHUB_OUTPUT"
printf 'dindctl v%s is in %s\n' "$version" "$folder"
