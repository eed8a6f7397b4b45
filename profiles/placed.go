package profiles

import "reflect"

// renamed are keys that other files, and STS itself, know by another name: what
// is written, and where it belongs here.
var renamed = map[string]map[string]string{
	"profiles": {
		"web_identity_token_file":    `the source has it: type = "web-identity" and token_file in [sources.NAME]`,
		"web_identity_token_command": `the source has it: type = "web-identity" and token_command in [sources.NAME]`,
		"saml_assertion_file":        `the source has it: type = "saml" and assertion_file in [sources.NAME]`,
		"saml_assertion_command":     `the source has it: type = "saml" and assertion_command in [sources.NAME]`,
		"saml_provider_arn":          `the source has it: type = "saml" and provider_arn in [sources.NAME]`,
		"source_profile":             `a role chain is a source: type = "profile" and profile in [sources.NAME]`,
		"sso_session":                `a source has it: type = "shared-config" and the profile of ~/.aws/config that has sso_session`,
	},
	"sources": {
		"web_identity_token_file": `write type = "web-identity" and token_file`,
		"saml_provider_arn":       `write type = "saml" and provider_arn`,
		"sso_session":             `write type = "shared-config" and the profile of ~/.aws/config that has sso_session`,
		"sso_start_url":           `write type = "shared-config" and the profile of ~/.aws/config that has sso_start_url`,
		"source_profile":          `a role chain is type = "profile" and profile`,
	},
	"endpoints": { // ec2 is one letter from ecs, and as far from what it means as can be
		"ec2":          "EC2's metadata service is [endpoints.imds]",
		"metadata":     "EC2's metadata service is [endpoints.imds]",
		"pod_identity": "EKS Pod Identity is [endpoints.eks]",
		"listen":       "each endpoint has its own, in [endpoints.ecs], [endpoints.eks] or [endpoints.imds]",
		"container":    "the endpoint for containers is [endpoints.ecs]",
	},
}

// homes are the tables that keys can have strayed from, in the order in which
// they are searched.
var homes = []struct {
	kind, name string
	table      reflect.Type
}{
	{"profiles", "[profiles.NAME]", reflect.TypeFor[profileTable]()},
	{"sources", "[sources.NAME]", reflect.TypeFor[sourceTable]()},
	{"daemon", "[daemon]", reflect.TypeFor[daemonTable]()},
	{"apps", "[apps.NAME]", reflect.TypeFor[appTable]()},
	{"match", "the match of [apps.NAME]", reflect.TypeFor[matchTable]()},
	{"audit", "[audit]", reflect.TypeFor[auditTable]()},
	{"endpoints", "[endpoints]", reflect.TypeFor[endpointsTable]()},
	{"ecs", "[endpoints.ecs]", reflect.TypeFor[ecsTable]()},
	{"eks", "[endpoints.eks]", reflect.TypeFor[eksTable]()},
	{"imds", "[endpoints.imds]", reflect.TypeFor[imdsTable]()},
}

// misplaced returns what to say of a key that the kind of table does not have
// and that belongs somewhere else; nothing if it belongs nowhere.
func (d *decoder) misplaced(kind, key string) (problem, hint string) {
	if right := renamed[kind][key]; right != "" {
		return "not a key of " + placeOf(kind), right
	}
	here := placeOf(kind)
	if here == "" || kind == "apps" && key == "profile" { // which is profiles, misspelt
		return "", ""
	}
	for _, home := range homes {
		if _, ok := d.fields.of(home.table)[key]; ok && home.kind != kind {
			return "not a key of " + here, "it belongs in " + home.name
		}
	}
	return "", ""
}

// placeOf is how people write the kind of table.
func placeOf(kind string) string {
	for _, home := range homes {
		if home.kind == kind {
			return home.name
		}
	}
	return ""
}
