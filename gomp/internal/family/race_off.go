//go:build !race

package family

const underRaceDetector = false
