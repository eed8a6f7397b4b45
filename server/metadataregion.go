package server

import "strings"

// partition is a part of AWS that has nothing to do with the others.
type partition struct {
	regions      string // how the names of its regions begin
	name, domain string
}

// partitions are AWS's, as its SDKs have them (2026-11); the last has all other regions.
var partitions = []partition{
	{"cn-", "aws-cn", "amazonaws.com.cn"},
	{"us-gov-", "aws-us-gov", "amazonaws.com"},
	{"us-iso-", "aws-iso", "c2s.ic.gov"},
	{"us-isob-", "aws-iso-b", "sc2s.sgov.gov"},
	{"eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"},
	{"us-isof-", "aws-iso-f", "csp.hci.ic.gov"},
	{"eusc-", "aws-eusc", "amazonaws.eu"},
	{"", "aws", "amazonaws.com"},
}

func partitionOf(region string) (found partition) {
	for _, found = range partitions {
		if strings.HasPrefix(region, found.regions) {
			break
		}
	}
	return found
}

// zoneID is the first zone of a region by its number, such as euw1-az1 of eu-west-1: each
// word is shortened as AWS does, so that southeast is se.
func zoneID(region string) string {
	words := strings.Split(region, "-")
	var id strings.Builder
	id.WriteString(words[0])
	for _, word := range words[1:] {
		if short, ok := compass[word]; ok {
			word = short
		} else if isolated, ok := strings.CutPrefix(word, "iso"); ok {
			word = "i" + isolated
		}
		id.WriteString(word)
	}
	return id.String() + "-az1"
}

var compass = map[string]string{"north": "n", "northeast": "ne", "east": "e", "southeast": "se", "south": "s", "southwest": "sw",
	"west": "w", "northwest": "nw", "central": "c", "gov": "g"}
