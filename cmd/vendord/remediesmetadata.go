package main

import (
	"fmt"
	"strings"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
)

// metadataV1 is for a program older than session tokens, or one that takes the metadata
// service for vendord's own address: what its app would be allowed opens it to others.
func (r remedies) metadataV1(e audit.Event, _ []string) *control.Fix {
	switch {
	case strings.HasPrefix(e.Path, "/v1/"):
		return &control.Fix{Does: "it asks the metadata service for what is at vendord's own address: see \"asked at\" of vendord status, and set AWS_CONTAINER_CREDENTIALS_FULL_URI to that"}
	case e.App == "":
		return nil
	}
	return &control.Fix{Does: "if its SDK cannot be a newer one, let it ask without a session token, and: vendord reload",
		TOML: fmt.Sprintf("[apps.%s]\nimdsv1 = true\n", e.App)}
}

// metadataElsewhere is for a program that takes another address for the metadata service.
func (r remedies) metadataElsewhere(e audit.Event, _ []string) *control.Fix {
	if !strings.HasPrefix(e.Path, "/latest/") || e.Endpoint == string(profiles.IMDS) {
		return nil
	}
	var at []string
	for _, of := range r.config.Endpoints {
		switch url := (endpoint{Endpoint: of}).url(); {
		case of.Kind != profiles.IMDS:
		case of.App != "":
			at = append(at, url+" (app "+of.App+")")
		default:
			at = append(at, url)
		}
	}
	if at == nil {
		return &control.Fix{Does: "it takes this address for EC2's metadata service: unset AWS_EC2_METADATA_SERVICE_ENDPOINT for it, or write [endpoints.imds]"}
	}
	return &control.Fix{Does: "it takes this address for EC2's metadata service: set AWS_EC2_METADATA_SERVICE_ENDPOINT to " + strings.Join(at, " or ")}
}
