package sdkenv

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// harmless are the settings of a profile that give no credentials and no way to
// any (AWS SDKs and Tools Reference Guide, "Settings reference"; AWS CLI User
// Guide, "Supported config file settings"; botocore's configprovider; as of
// 2026-11). Everything else is left out, so that a credential setting of
// tomorrow is not in a copy.
//
// Not among them: where instance metadata is asked for, and by which role's
// name (ec2_metadata_service_endpoint, ec2_instance_profile_name), since
// credentials come from there; it is switched off for programs with vendord.
var harmless = set(
	"region", "output", "ca_bundle", "endpoint_url", "services", "ignore_configured_endpoint_urls",
	"use_fips_endpoint", "use_dualstack_endpoint", "sts_regional_endpoints", "account_id_endpoint_mode",
	"endpoint_discovery_enabled", "disable_host_prefix_injection",
	"retry_mode", "max_attempts", "defaults_mode", "tcp_keepalive", "parameter_validation", "data_path",
	"sdk_ua_app_id", "user_agent_appid", "user_agent_extra",
	"request_checksum_calculation", "response_checksum_validation",
	"disable_request_compression", "request_min_compression_size_bytes",
	"sigv4a_signing_region_set", "auth_scheme_preference",
	"s3_use_arn_region", "s3_us_east_1_regional_endpoint", "s3_disable_multiregion_access_points",
	"s3_disable_express_session_auth",
	"ec2_metadata_v1_disabled", "ec2_metadata_service_endpoint_mode", "imds_use_ipv6",
	"metadata_service_timeout", "metadata_service_num_attempts",
	"cli_pager", "cli_history", "cli_timestamp_format", "cli_follow_urlparam", "cli_binary_format",
	"cli_auto_prompt", "cli_help_output", "cli_error_format",
)

// withNested are the services that a profile has settings of, indented below
// the service's name. In a section [services x] it may be any service.
var withNested = set("s3", "s3api", "s3control", "dynamodb", "sts", "sqs", "sns", "kms", "ec2", "lambda", "kinesis",
	"logs", "ssm", "iam", "cloudfront", "cloudwatch", "cloudformation", "secretsmanager")

// ofService are the harmless settings that are indented below a service's name.
// They must be harmless as settings of the profile too: PHP and other simple
// parsers do not see the indentation.
var ofService = set(
	"endpoint_url", "signature_version", "use_fips_endpoint", "use_dualstack_endpoint",
	"addressing_style", "use_accelerate_endpoint", "payload_signing_enabled", "use_arn_region",
	"us_east_1_regional_endpoint", "disable_multiregion_access_points", "s3_disable_multiregion_access_points",
	"max_concurrent_requests", "max_queue_size", "multipart_threshold", "multipart_chunksize", "max_bandwidth",
	"preferred_transfer_client", "target_bandwidth", "should_stream", "disk_throughput", "direct_io", "io_chunksize",
)

// ofCredentials are the settings that have to do with credentials. Those that
// are true give an SDK some, or have it look for some, or fail for want of the
// rest; the others only matter along with them: people keep mfa_serial in
// [default] without any keys.
var ofCredentials = map[string]bool{
	"aws_access_key_id": true, "aws_secret_access_key": true,
	"aws_session_token": false, "aws_security_token": false, "aws_credential_expiration": false, "aws_account_id": false,
	"credential_process": true, "login_session": true, "web_identity_token_file": true,
	"role_arn": true, "source_profile": false, "credential_source": false,
	"role_session_name": false, "external_id": false, "mfa_serial": false, "duration_seconds": false,
	"sso_session": true, "sso_start_url": true, "sso_account_id": true, "sso_role_name": true,
	"sso_region": false, "sso_registration_scopes": false,
	"ec2_metadata_service_endpoint": false, "ec2_instance_profile_name": false,
}

var (
	serviceName = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)
	apiVersion  = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
)

func set(names ...string) map[string]bool {
	all := map[string]bool{}
	for _, name := range names {
		all[name] = true
	}
	return all
}

// WithoutCredentials returns an AWS shared file that has the sections of text
// and, of their settings, those that are known to be harmless. Comments are
// left out: people comment keys out. Each setting is one line that begins with
// its name, so that no parser can see it as part of another.
func WithoutCredentials(text []byte) []byte {
	var out bytes.Buffer
	for _, section := range parse(text) {
		if section.name == "" {
			continue // it could be any section's
		}
		fmt.Fprintf(&out, "[%s]\n", section.name)
		for _, s := range section.settings {
			switch {
			case harmless[s.name] && legible(s.value):
				writeSetting(&out, "", s)
			case s.name == "api_versions":
				writeNested(&out, s, func(n setting) bool { return isService(n.name) && apiVersion.MatchString(n.value) })
			case withNested[s.name], isService(s.name) && strings.HasPrefix(section.name, "services "):
				writeNested(&out, s, func(n setting) bool { return ofService[n.name] && legible(n.value) })
			}
		}
	}
	return out.Bytes()
}

// isService tells whether a name may be a service's. There are hundreds of
// those, and more every month.
func isService(name string) bool {
	_, credentials := ofCredentials[name]
	return serviceName.MatchString(name) && !credentials && !harmless[name]
}

// legible tells whether every parser can read a value. Go's SDK panics at a lone
// quotation mark (config v1.33.15, as of 2026-11).
func legible(value string) bool { return printable(value) && value != `"` && value != "'" }

// writeNested writes a setting without a value of its own and what is kept of
// the settings below it, unless that is nothing.
func writeNested(out *bytes.Buffer, s setting, keep func(setting) bool) {
	begun := false
	for _, n := range s.nested {
		if s.value != "" || !keep(n) {
			continue
		}
		if !begun {
			writeSetting(out, "", s)
			begun = true
		}
		writeSetting(out, "  ", n)
	}
}

func writeSetting(out *bytes.Buffer, indent string, s setting) {
	out.WriteString(indent + s.name + " =")
	if s.value != "" {
		out.WriteString(" " + s.value)
	}
	out.WriteByte('\n')
}

// givesCredentials tells whether some SDK finds credentials, or a way to some,
// in the file's [default] profile. Go takes an indented setting that belongs
// nowhere for the profile's, and what is below a header that it cannot read;
// RawConfigParser gives what is in [DEFAULT] to every section.
func givesCredentials(text []byte) bool {
	for _, section := range parse(text) {
		switch section.name {
		case "default", "profile default", "DEFAULT", "":
		default:
			continue
		}
		for _, s := range section.settings {
			for _, s := range append(s.nested, s) {
				if ofCredentials[s.name] {
					return true
				}
			}
		}
	}
	return false
}
