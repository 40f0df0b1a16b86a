package dind

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var daysPattern = regexp.MustCompile(`^([0-9]{1,5})d(.*)$`)

// parseUnusedFor reads an age as time.ParseDuration does, and days as well:
// "168h", "7d", "1d12h". It gives it back as the engine wants it, which knows
// no days; every way to write nothing becomes "0".
func parseUnusedFor(s string) (string, error) {
	normal := s
	if match := daysPattern.FindStringSubmatch(s); match != nil {
		days, err := strconv.Atoi(match[1])
		if err != nil {
			return "", err
		}
		normal = fmt.Sprintf("%dh%s", days*24, match[2])
	}
	age, err := time.ParseDuration(normal)
	switch {
	case err != nil:
		return "", errors.New("is not a duration")
	case age < 0:
		return "", errors.New("is negative")
	case age == 0:
		return "0", nil
	case age < time.Second:
		// The engine compares whole seconds: less would mean everything.
		return "", errors.New("is less than a second")
	}
	return normal, nil
}
