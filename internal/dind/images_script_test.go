package dind

import (
	"regexp"
	"strings"
	"testing"
)

// What is known of an image is not read again, unless its tags have changed, or it was
// tagged again when it was about to be removed.
func TestImagesAreReadOnce(t *testing.T) {
	const old, later = "2026-11-01T00:00:00Z", "2026-11-20T00:00:00Z"
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			b.stub("docker", dockerStub)
			b.write("images", image("one", old, old, "one:1,", "a,")+image("two", old, old, "two:1,two:2,", "b,")+image("none", old, old, "", "c,"))
			b.write("facts/uses", "")
			got := b.runText(shell, commented()["images.sh"]+`
list() {
    docker "list $1"
    present_images "$BOX/facts"
    list_images "$BOX/facts" "$BOX/facts/uses" >"$BOX/facts/list"
    docker "found $(cut -d '|' -f 2 "$BOX/facts/list" | sort | tr '\012' ' ')"
}
list first
list unchanged
sed -e s/two:2,// -e "s/||c,/|none:1,|c,/" "$BOX/images" >"$BOX/changed"
echo '`+strings.TrimSpace(image("new", old, old, "two:2,", "d,"))+`' >>"$BOX/changed"
mv "$BOX/changed" "$BOX/images"
list changed
sed -e '/one:1/s/`+old+`"/`+later+`"/' "$BOX/images" >"$BOX/changed"
mv "$BOX/changed" "$BOX/images"
list "tagged again"
docker "remove one and two"
printf '1|sha256:%s|||\n' one two | remove_images "$BOX/facts"
list last
`, []string{"BOX=" + b.root})
			var log strings.Builder
			for _, call := range got.calls {
				call = imageFacts.ReplaceAllString(strings.TrimPrefix(call, "docker "), "read")
				if regexp.MustCompile(`^(list|found|remove|read|image rm) `).MatchString(call) {
					log.WriteString(strings.TrimSpace(call) + "\n")
				}
			}
			if want := `list first
read sha256:none sha256:one sha256:two
found sha256:none sha256:one sha256:two
list unchanged
found sha256:none sha256:one sha256:two
list changed
read sha256:new sha256:none sha256:two
found sha256:new sha256:none sha256:one sha256:two
list tagged again
found sha256:new sha256:none sha256:one sha256:two
remove one and two
read sha256:one sha256:two
image rm two:1
list last
read sha256:one
found sha256:new sha256:none sha256:one
`; log.String() != want {
				t.Errorf("%s\n%s", log.String(), got.stderr)
			}
		})
	}
}

// imageFacts matches the beginning of a call that reads images.
var imageFacts = regexp.MustCompile(`^image inspect --format I\|\S+ .*{{range .RepoDigests}}\S+`)
